"""Checks the value types in a stored config or a checkpoint's hyperparameters."""

import math
from collections.abc import Mapping
from typing import Any

from fer.errors import UserError
from fer.tta import EXPECTED, VIEWS

PARTS = ("model", "loss", "optimizer", "scheduler")
"""Hyperparameters of a `Classifier` that are nodes."""

MAX_VALUES = 100_000
MAX_DEPTH = 40


def check_hyperparameters(parameters: Any, source: Any) -> None:
    """Raises UserError unless the hyperparameters of a `Classifier` have the right kinds of values."""
    if not isinstance(parameters, Mapping):
        raise UserError(f"{source}: not a checkpoint of this project (its hyper_parameters are not a mapping)")
    check_plain(parameters, source)
    for key, (expected, holds) in SCHEMA.items():
        if key not in parameters and key not in REQUIRED:
            continue
        if not holds(parameters.get(key)):
            raise UserError(f"{source}: {key} is {short(parameters.get(key))}, expected {expected}; not loaded")
    if len(parameters["class_counts"]) != len(parameters["classes"]):
        raise UserError(
            f"{source}: {len(parameters['class_counts'])} class_counts for {len(parameters['classes'])} "
            "classes; not loaded"
        )


def check_plain(content: Any, source: Any) -> None:
    """Raises UserError unless `content` is made of mappings, lists, strings, finite numbers, booleans and null."""
    values, stack = 0, [(content, "", 0)]
    while stack:
        value, where, depth = stack.pop()
        values += 1
        if depth > MAX_DEPTH or values > MAX_VALUES:
            raise UserError(f"{source}: nested too deeply or too large; not loaded")
        if isinstance(value, Mapping):
            for key, item in value.items():
                if not isinstance(key, str | int):
                    raise UserError(f"{source}: {where or 'it'} has the key {short(key)}; not loaded")
                stack.append((item, f"{where}.{key}".lstrip("."), depth + 1))
        elif isinstance(value, list | tuple):
            stack += [(item, where, depth + 1) for item in value]
        elif isinstance(value, str) and "${" in value:
            raise UserError(f"{source}: {where} holds an interpolation, {short(value)}; not loaded")
        elif not is_plain(value):
            raise UserError(f"{source}: {where} is {short(value)}, not a plain finite value; not loaded")


def short(value: Any) -> str:
    """Returns a value as text for a message; Python cannot print integers of thousands of digits."""
    try:
        return repr(str(value)[:60])
    except ValueError:
        return "a huge integer"


def is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) < 2**63
    return value is None or isinstance(value, str)


def is_node(value: Any) -> bool:
    return isinstance(value, Mapping)


def is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def are_names(value: Any) -> bool:
    if not isinstance(value, list | tuple) or not 2 <= len(value) <= 10_000:
        return False
    if not all(isinstance(name, str) and name.isprintable() and name for name in value):
        return False
    return len(set(value)) == len(value)


SCHEMA = {
    **dict.fromkeys(PARTS, ("a mapping", is_node)),
    "classes": ("two or more different names", are_names),
    "class_counts": ("a list of counts", lambda v: isinstance(v, list | tuple) and all(map(is_count, v))),
    "mean": ("a number", is_figure),
    "std": ("a positive number", lambda v: is_figure(v) and v > 0),
    "monitor": ("the name of a figure", lambda v: v is None or isinstance(v, str)),
    "mode": ("min or max", lambda v: v in ("min", "max")),
    "tta": (EXPECTED, lambda v: isinstance(v, str) and v in VIEWS),
    "crop": ("a count of pixels", is_count),
    "crop_to": ("a count of pixels", is_count),
    "decay_biases_and_norms": ("true or false", lambda v: isinstance(v, bool)),
    "l1": ("a number, at least 0", lambda v: is_figure(v) and v >= 0),
    "layer_decay": ("a number in (0, 1]", lambda v: v is None or (is_figure(v) and 0 < v <= 1)),
    "channels_last": ("true or false", lambda v: isinstance(v, bool)),
    "experiment": ("a mapping", lambda v: v is None or is_node(v)),
}
"""Hyperparameter of a `Classifier` -> what it must be, in words and as a test."""

REQUIRED = (*PARTS, "classes", "class_counts")
