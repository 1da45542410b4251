"""Checks the arguments of a data module before data is read."""

import os
from collections.abc import Mapping
from numbers import Integral
from typing import Any

from fer.data import folds, soft_labels
from fer.data.normalisation import FIXED
from fer.data.sources import SOURCES, checked
from fer.errors import UserError

CHOICES = {
    "roles": ("official", "folders", None),
    "normalize": ("train", *FIXED),
    "balance": ("none", "sampler"),
}
MAPPINGS = ("per_class", "synthetic", "merge")
COUNTS = ("batch_size", "eval_batch_size", "limit")
PLACES = {
    "root": "data.root",
    "held_out": "data.held_out",
    "votes_file": "data.votes_file",
    "soft": "labels.soft",
    "labels": "data.labels",
}
"""Arguments that are paths -> the option that names them in a message."""


def check(options: Mapping[str, Any]) -> None:
    """Raises UserError for arguments of FERDataModule that are out of range or of another kind, and for empty paths."""
    for name, choices in CHOICES.items():
        checked(f"data.{name}", options[name], choices)
    for name, option in PLACES.items():
        value = options[name]
        paths = value if isinstance(value, list | tuple) else [value]
        if not paths or "" in paths:
            raise UserError(f"{option} is empty; is a variable in it unset? Give a path, or null for none")
    for name in MAPPINGS:
        if not isinstance(options[name], Mapping | None):
            raise UserError(f"data.{name}={options[name]}: expected a mapping")
    for name in COUNTS:
        if options[name] is not None and not (isinstance(options[name], Integral) and options[name] >= 1):
            raise UserError(f"data.{name}={options[name]}: expected a positive integer")
    soft_labels.check_weight(options["soft_weight"])
    if options["fold"]:
        folds.parse_fold(options["fold"])


def is_path(source: str | os.PathLike) -> bool:
    """Whether a data module's first argument is a path rather than the name of a source."""
    text = os.fspath(source)
    return text not in SOURCES and (os.path.exists(text) or any(mark in text for mark in ("/", os.sep, ".", "~")))
