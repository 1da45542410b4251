"""Splits, unquotes and quotes the values of options, by the grammar of Hydra."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)


def split(text: str) -> Iterator[str]:
    """Yields the parts between commas outside of quotes and brackets; a quote counts only at the start of a part."""
    part, depth, position = "", 0, 0
    while position < len(text):
        quote = QUOTED.match(text, position) if not part.strip(" [") else None
        if quote:
            part += quote[0]
            position = quote.end()
            continue
        character = text[position]
        depth += (character in "([{") - (character in ")]}" and depth > 0)
        if character == "," and depth == 0:
            yield part
            part = ""
        else:
            part += character
        position += 1
    yield part


def unquoted(text: str) -> str:
    """Returns the text inside Hydra's quotes; text without quotes is unchanged."""
    return read(text) if QUOTED.fullmatch(text) else text


def quoted(text: str) -> str:
    """Returns the text as Hydra reads it back, in quotes where it would otherwise mean something else."""
    return text if is_plain(text) else QuotedString(text, Quote.single).with_quotes()


def is_plain(text: str) -> bool:
    """Whether Hydra reads the text as the same string, also in a list and before a comma."""
    try:
        values = read(f"[{text},{text}]")
    except HydraException:
        return False
    return values == [text, text] and isinstance(values[0], str)


def read(text: str) -> Any:
    """Returns the value that Hydra reads from the text. Raises HydraException where it reads none."""
    return parser().parse_override(f"x={text}").value()


@lru_cache(maxsize=1)
def parser() -> OverridesParser:
    return OverridesParser.create()
