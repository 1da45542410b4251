"""Finds what a checkpoint or a stored config names that may not be built.

Whatever `fer.positions` does not allow is an `Objection`; `fer.trust` decides whether the user has lifted it.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fer.build import RECURSIVE, TARGET
from fer.places import WRITTEN
from fer.positions import POSITIONS, Position, permitted
from fer.schema import PARTS

NAME = re.compile(r"[\w.+\-, ]{0,200}")
"""What strings among the arguments of a network, loss, optimizer or schedule look like."""

LOADING = re.compile(
    r"(pretrained|checkpoint|ckpt|cache|hub|weights_|url|uri).*|weights|download|.*_(file|path|url|uri)"
)
"""Arguments that load weights or reach other machines."""


@dataclass(frozen=True)
class Objection:
    """Why a node may not be built. module: the module that the user can trust to allow it; None where none helps."""

    where: str
    reason: str
    module: str | None = None


def unsafe_parts(parameters: Mapping[str, Any]) -> Iterator[Objection]:
    """Yields the objections to network, loss, optimizer and scheduler of a checkpoint, whatever the user trusts."""
    for part in PARTS:
        yield from unsafe(parameters[part], part, POSITIONS[part])


def unsafe_config(config: Mapping[str, Any], folder: str) -> Iterator[Objection]:
    """Yields the objections to the parts of a run's config, whatever the user trusts."""
    for key, node in config.items():
        if key != "launcher":  # a resumed run builds nothing of it
            yield from below(node, key, POSITIONS.get(key), folder)


def below(node: Any, where: str, position: Position | None, folder: str) -> Iterator[Objection]:
    """Yields the objections to all nodes in a part of a config."""
    if isinstance(node, list):
        for item in node:
            yield from below(item, where, position, folder)
    if not isinstance(node, Mapping):
        return
    if TARGET in node:
        if position is None:
            yield Objection(where, f"names {node[TARGET]!r} where nothing is built")
            return
        yield from unsafe(node, where, position, folder)
        if position.arguments == "names":
            return  # `unsafe` has checked everything inside
    for key, value in node.items():
        yield from below(value, f"{where}.{key}", POSITIONS.get(str(key), position), folder)


def unsafe(node: Any, where: str, position: Position, folder: str = "") -> Iterator[Objection]:
    """Yields the objections to one node: to its target, its arguments and, in a network or loss, every node inside."""
    if not isinstance(node, Mapping) or not isinstance(node.get(TARGET), str):
        yield Objection(where, f"names {target_in(node)!r}, which is no import path")
        return
    target = node[TARGET]
    module = target.rpartition(".")[0]
    if not permitted(target, position):
        kind = where.partition(".")[0].removesuffix("s")
        reason = f"names {target!r}, which is no {kind} that comes with fer or its libraries"
        yield Objection(where, reason, None if module.split(".")[0] in sys.stdlib_module_names else module)
    arguments = {key: value for key, value in node.items() if key not in (TARGET, "_convert_", RECURSIVE)}
    if position.arguments == "names":
        yield from unsafe_arguments(arguments, where, position, module)
    elif position.arguments == "places":
        yield from unsafe_places(arguments, where, module, folder)
    elif position is POSITIONS["data"]:
        yield from unsafe_reader(arguments, where)


def target_in(node: Any) -> Any:
    return node.get(TARGET) if isinstance(node, Mapping) else node


def unsafe_arguments(arguments: Mapping[str, Any], where: str, position: Position, module: str) -> Iterator[Objection]:
    """Yields the objections to the arguments of a network, loss, optimizer, schedule or augmentation."""
    for key, value in arguments.items():
        place = f"{where}.{key}"
        if value and LOADING.fullmatch(str(key)):
            yield Objection(place, f"={value!r} loads weights or files", module)
        for item in flat(value):
            if isinstance(item, Mapping):
                yield from unsafe(item, place, position)
            elif isinstance(item, str) and not NAME.fullmatch(item):
                yield Objection(place, f"={item[:60]!r} is not a name", module)


def unsafe_places(arguments: Mapping[str, Any], where: str, module: str, folder: str) -> Iterator[Objection]:
    """Yields the objections to paths of a callback, logger or the Trainer outside of the run's folder."""
    for key, value in arguments.items():
        for item in flat(value):
            if isinstance(item, str) and leads_out(item, key in WRITTEN, folder):
                yield Objection(f"{where}.{key}", f"={item[:80]!r} leads out of the run's folder", module)


def unsafe_reader(arguments: Mapping[str, Any], where: str = "data") -> Iterator[Objection]:
    """Yields the objection to the function that reads `data=own`: it is the user's code."""
    reader = arguments.get("reader")
    if reader is not None:
        module = str(reader).rpartition(".")[0]
        named = None if module.split(".")[0] in sys.stdlib_module_names else module or str(reader)
        yield Objection(f"{where}.reader", f"names {reader!r}, a function that reads data", named)


def leads_out(text: str, is_place: bool, folder: str) -> bool:
    """Whether a string is a path outside of `folder`. Unless `is_place`, it counts as a path if it looks like one."""
    inside = f"{os.path.abspath(text)}{os.sep}".startswith(f"{os.path.abspath(folder)}{os.sep}")
    if is_place:
        return bool(text) and not inside
    is_path = os.path.isabs(text) or text.startswith("~") or ".." in re.split(r"[/\\]", text) or "://" in text
    return is_path and not inside


def flat(value: Any) -> Iterator[Any]:
    """Yields the plain values in nested lists and mappings, and each mapping with a target as it is."""
    if isinstance(value, Mapping) and TARGET not in value:
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from flat(item)
    else:
        yield value
