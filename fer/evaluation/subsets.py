"""Test subsets: images without copies in training, and images whose label FER+ shares."""

from collections.abc import Sequence

import numpy as np

from fer.data.datamodule import FERDataModule
from fer.data.duplicates import seen
from fer.data.ferplus import CLASSES, find_votes, majority, read_votes, without_outliers
from fer.errors import UserError
from fer.evaluation.pixels import faces


def unseen(datamodule: FERDataModule, ids: np.ndarray, near: bool = False) -> np.ndarray:
    """Returns (N,) bool: images without identical training images and, with `near`, without near copies there."""
    return ~seen(datamodule.splits["train"].images[:, 0].numpy(), faces(datamodule, ids), near)


def agreed(datamodule: FERDataModule, ids: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Returns (N,) bool: images whose label the majority of the FER+ voters (`fer.data.ferplus`) chose.

    Raises UserError if the faces do not come from one fer2013.csv, or if there are no votes beside it.
    """
    if datamodule.hparams.votes != "none":
        raise UserError("the labels are those of FER+ already")
    source, *others = datamodule.sources
    if others or not source.lower().endswith(".csv"):
        raise UserError(
            f"FER+ goes row by row with fer2013.csv, and these faces come from {', '.join(datamodule.sources)}"
        )
    votes = read_votes(*find_votes(source, fix=""))
    names = np.char.rpartition(ids.astype(str), "_")
    rows = np.array([int(row) if row.isdigit() else len(votes.usage) for row in names[:, 2]])
    there = rows < len(votes.usage)
    if not there.all() or (votes.usage[rows] != names[:, 0]).any():
        raise UserError(f"{votes.where} does not go row by row with {source}")
    chosen = majority(without_outliers(votes.counts[rows]))
    return np.array([*CLASSES, "unknown", "no face", ""])[chosen] == np.asarray(labels)
