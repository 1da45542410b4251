"""Recognises how a csv of faces is written: its encoding, its separator and what its columns hold."""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from fer.data.class_names import mapping_of
from fer.data.files import Files
from fer.data.reading import COMPRESSED, check_no_pointer
from fer.errors import UserError
from fer.preprocess import SIZE

SUFFIXES = tuple(kind + packed for kind in (".csv", ".tsv") for packed in ("", *COMPRESSED))
BLANK_LINES = 1000  # at most above a header
PIXELS = SIZE * SIZE

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
ALIASES = {
    "emotion": ("emotions", "label", "labels", "class", "expression"),
    "pixels": ("pixel",),
    "usage": ("split", "set", "subset", "partition"),
}
"""Column -> other names for it, for lack of the name itself."""
NUMBERED = re.compile(r"(?:pixels?|px|p)?[ _.-]*(\d{1,4})", re.ASCII)

Columns = Mapping[str, str]
"""What a column holds -> its name in the file in lower case, as the option `data.columns` says."""
HOLDS = ("label", "pixels", "split", "path", "person", "box")
EXAMPLE = "'{label: feeling, path: file}'"


@dataclass(frozen=True)
class Format:
    """How a csv is written. `columns` are in lower case, and called emotion, pixels and usage if they hold these."""

    columns: tuple[str, ...]
    separator: str = ","
    encoding: str = "utf-8"
    pixel_columns: tuple[int, ...] = ()  # positions, where each pixel has a column
    remarks: tuple[str, ...] = ()  # what differs from FER2013's csv


def parse_columns(value: str | Mapping[str, str] | None) -> dict[str, str]:
    """Returns the option `data.columns`, a mapping or its text, with names in lower case.

    Raises UserError for anything but a mapping of `HOLDS` to names.
    """
    if value is None:
        return {}
    mapping = mapping_of(value) if isinstance(value, str) else value
    if not isinstance(mapping, Mapping) or not mapping or not set(mapping) <= set(HOLDS):
        raise UserError(
            f"data.columns={value}: expected a mapping of {', '.join(HOLDS)} to names of columns, such as {EXAMPLE}"
        )
    return {str(key): str(name).strip().casefold() for key, name in mapping.items()}


def utf8_lines(files: Files, name: str) -> tuple[str, Iterator[bytes]]:
    """Returns the encoding of a text file, "utf-8" for any that extends ASCII, and its lines in UTF-8.

    Raises UserError for a Git LFS pointer.
    """
    lines = files.lines(name)
    first = next(lines, b"")
    check_no_pointer(first, files.path(name))
    encoding = encoding_of(first)
    lines = chain([first], lines)
    return encoding, lines if encoding == "utf-8" else recoded(lines, encoding)


def encoding_of(start: bytes) -> str:
    """Returns "utf-8", or a variant of UTF-16 where a byte order mark or zeros at every second byte show it."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if len(start) > 3 and not any(start[1:100:2]):
        return "utf-16-le"
    if len(start) > 3 and not any(start[0:100:2]):
        return "utf-16-be"
    return "utf-8"


def recoded(lines: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yields lines in UTF-8. The pieces that come in may end in the middle of a character."""
    decoder, rest = codecs.getincrementaldecoder(encoding)("replace"), ""
    for piece in lines:
        *complete, rest = (rest + decoder.decode(piece)).split("\n")
        yield from (line.encode() + b"\n" for line in complete)
    yield rest.encode()


def first_line(lines: Iterator[bytes]) -> bytes:
    """Returns the first line that is not blank of at most BLANK_LINES; b"" without one."""
    return next((line for line in islice(lines, BLANK_LINES) if line.strip()), b"")


def plain(line: bytes) -> str:
    """Returns a line as text without byte order mark and surrounding blanks; as cp1252 where it is no UTF-8."""
    try:
        return line.decode("utf-8-sig").strip(" \r\n")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace").strip(" \r\n")


def split_header(line: bytes, separator: str = ",") -> list[str]:
    """Returns the names of columns in lower case; quotes, blanks and a byte order mark do not count."""
    return [field.strip(' "\r\n\t').lower() for field in plain(line).split(separator)]


def separator_of(line: bytes) -> str:
    """Returns the separator that splits a line into the most fields, a comma for lack of any."""
    return max(SEPARATORS, key=lambda separator: plain(line).count(separator))


WITHOUT_HEADER = re.compile(rb'"?\d"?[,;\t|]"?\d+ \d+ \d')
"""Beginning of a row of values, its first two columns the code and the pixels."""


def check_header(header: bytes, where: str) -> None:
    """Raises UserError where the first line is none of a table: of an empty file, of a web page, or a row of values."""
    start = header.lstrip().lower()
    if not start:
        raise UserError(f"{where}: no line with the names of columns, the file is empty or cut off; fetch it again")
    if start.startswith((b"<!doctype", b"<html")):
        raise UserError(f"{where}: a web page in place of the csv; download it again, signed in where that is needed")
    if WITHOUT_HEADER.match(start):
        raise UserError(f"{where}: no header, the first line is a row; write emotion,pixels,Usage above it")


def read_format(header: bytes, encoding: str, columns: Columns, where: str) -> Format:
    """Returns the format of a csv with this header. Columns that it does not know keep their names.

    columns: names that the user gave. Raises UserError where two columns could hold the same, and as `check_header`.
    """
    check_header(header, where)
    separator = separator_of(header)
    names = split_header(header, separator)
    pixel_columns = positions_of_pixels(names)
    for position in pixel_columns:
        names[position] = ""
    renamed = with_usual_names(names, columns, where)
    remarks = [] if encoding == "utf-8" else [f"as {encoding.upper()[:6]}"]
    if separator != ",":
        remarks.append(f"with {SEPARATORS[separator]} between columns")
    if pixel_columns:
        remarks.append("with one column a pixel")
    for name, usual in zip(names, renamed, strict=True):
        if name != usual:
            remarks.append(f"with '{name}' as {usual}")
    return Format(tuple(renamed), separator, encoding, pixel_columns, tuple(remarks))


def positions_of_pixels(names: Sequence[str]) -> tuple[int, ...]:
    """Returns the positions of 2304 columns that are numbered without gaps, in the order of the numbers; () for none.

    Such as `pixel0` … `pixel2303` or `1` … `2304`.
    """
    if len(names) < PIXELS:
        return ()
    numbers = {position: int(match[1]) for position, name in enumerate(names) if (match := NUMBERED.fullmatch(name))}
    ordered = sorted(numbers, key=lambda position: numbers[position])
    first = numbers[ordered[0]] if ordered else 0
    whole = [numbers[position] for position in ordered] == list(range(first, first + PIXELS))
    return tuple(ordered) if whole and first in (0, 1) else ()


def with_usual_names(names: Sequence[str], columns: Columns, where: str) -> list[str]:
    """Returns the names with those of `ALIASES`, or of the user's choice, replaced by the usual ones."""
    renamed = list(names)
    for usual, aliases in ALIASES.items():
        option = {"emotion": "label", "usage": "split"}.get(usual, usual)
        chosen = columns.get(option)
        if chosen is not None:
            if chosen not in names:
                raise UserError(f"{where}: no column '{chosen}' (data.columns); there are {', '.join(names)[:150]}")
            renamed = [f"{name} (unused)" if name == usual and chosen != usual else name for name in renamed]
            renamed[names.index(chosen)] = usual
            continue
        similar = [name for name in names if name in aliases]
        if usual in names or not similar:
            continue
        if len(similar) > 1:
            raise UserError(
                f"{where}: columns {' and '.join(similar)} could both be the {usual}; "
                f"type data.columns='{{{option}: {similar[0]}}}'"
            )
        renamed[names.index(similar[0])] = usual
    return renamed
