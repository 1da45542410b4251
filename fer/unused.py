"""Finds options that nothing reads, such as a misspelt section in a YAML of the user, which Hydra accepts."""

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer import config, option_table
from fer.containers import plain
from fer.errors import UserError

VALUE_GROUPS = ("labels", "search", "launcher")
"""Groups that are mappings of values. In all others a key is an argument of a class or names a part, and is checked
when that is built."""
INNERMOST = re.compile(r"\$\{([^{}]*)\}")
NAME = re.compile(r"[A-Za-z_][\w.]*")


def check(cfg: DictConfig) -> None:
    """Raises UserError for an option that neither its command nor a reference such as `${name}` in the config reads.

    cfg: as composed. In stored configs references have been replaced by values, so they are not checked.
    """
    content = plain(cfg, resolve=False)
    if "found" in content:
        return
    read = set(references(content))
    for above, known in {"": tops(content), **{group: shipped(group) for group in VALUE_GROUPS}}.items():
        node = content.get(above) if above else content
        for key in map(str, node if isinstance(node, dict) else ()):
            name = f"{above}.{key}".lstrip(".")
            if key not in known and not any(f"{other}.".startswith((f"{name}.", f"{key}.")) for other in read):
                raise UserError(message(above, key, known))


def tops(content: dict[str, Any]) -> set[str]:
    """Returns the options that may stand at the top of a config: those of fer.train, and of the command it is for.

    A command's config has all options of that command.
    """
    own: dict[str, set[str]] = {}
    for row in option_table.TABLE:
        own.setdefault(row.owner, set()).add(row.name.partition(".")[0])
    return own["all"] | own["train"] | set().union(*(names for names in own.values() if names <= set(content)))


def message(above: str, key: str, known: Iterable[str]) -> str:
    name = f"{above}.{key}".lstrip(".")
    close = [f"{above}.{other}".lstrip(".") for other in difflib.get_close_matches(key, sorted(known), n=1)]
    advice = f"did you mean {close[0]}?" if close else f"remove it, or use it in another option, as ${{{name}}}"
    return f"{name}: nothing reads this option; {advice}"


def references(node: Any) -> Iterator[str]:
    """Yields every name in interpolations, such as `a.b` in `${..a.b}`, `${oc.select:a.b}`, `${a.b.${c}}`.

    Some are not names of options, which does no harm.
    """
    if isinstance(node, dict):
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
    elif isinstance(node, str):
        while found := INNERMOST.search(node):
            yield from NAME.findall(found[1])
            node = node.replace(found[0], "", 1)


@cache
def shipped(group: str) -> frozenset[str]:
    """Returns the keys that the files of a group in conf/ have."""
    paths = [*sorted((config.CONF / group).rglob("*.yaml")), *config.CONF.glob(f"{group}.yaml")]
    files = [plain(OmegaConf.load(path), resolve=False) for path in paths]
    nodes = [content.get(group, content) for content in files]
    return frozenset(str(key) for node in nodes if isinstance(node, dict) for key in node)
