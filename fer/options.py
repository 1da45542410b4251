"""Looks options up in the table of `fer/option_table.py`, by the name that a user types."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from fer.option_table import TABLE, UNKNOWN, Option

PLACES = tuple(row.name for row in TABLE if row.place)
PLACE_KEYS = frozenset(name.rpartition(".")[2] for name in PLACES)
"""The last part of each place's name."""
GROUPS = frozenset(row.name for row in TABLE if row.group)
MAY_CHANGE = tuple(row.name for row in TABLE if row.resume)
"""Options that may change when a run is resumed, perhaps on another machine."""


def name_of(override: str) -> str:
    """Returns the dotted path of an override as typed, such as `~callbacks.timer`, `+a.b=1` or `hydra/launcher=x`."""
    return override.split("=", maxsplit=1)[0].lstrip("+~").split("@")[0].split(":")[0].replace("/", ".")


@cache
def row(name: str) -> Option:
    """Returns the row of an option or, if it has none, of the nearest option above it."""
    path = name.split(".")
    for length in range(len(path), 0, -1):
        above = ".".join(path[:length])
        for option in TABLE:
            if option.name.count(".") == above.count(".") and fnmatchcase(above, option.name):
                return option
    return UNKNOWN


def is_place(name: str) -> bool:
    """Whether the option itself, not one above it, is a path."""
    return row(name).place and row(name).name.count(".") == name.count(".")


def is_free(name: str) -> bool:
    """Whether the option is a mapping whose keys the user chooses."""
    return row(name).free and row(name).name == name


def top_row(name: str) -> Option:
    """Returns the row of the first part of an option's name, such as that of `search` for `search.space.lr`."""
    return row(name.partition(".")[0])


def names_runs(name: str) -> bool:
    return row(name).names and not row(name).place


def parent(config: dict[str, Any], name: str) -> tuple[dict[str, Any] | None, str]:
    """Returns the mapping that holds an option, or None where it is missing, and the option's key in it."""
    *path, key = name.split(".")
    node: Any = config
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return (node if isinstance(node, dict) else None), key


def paths(config: Any, path: str = "") -> Iterator[str]:
    """Yields the dotted name of every option of a plain configuration, mappings before their keys.

    Keys that are numbers belong to a value, such as `data.progressive_resizing={0: 32, 20: 48}`, and are left out.
    """
    if isinstance(config, dict):
        for key, value in config.items():
            if isinstance(key, str):
                yield f"{path}{key}"
                yield from paths(value, f"{path}{key}.")
