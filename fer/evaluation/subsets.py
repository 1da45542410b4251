"""Subsets of a split: images without copies in training, and images whose label the FER+ voters share."""

from collections.abc import Sequence

import numpy as np

from fer.data.datamodule import FERDataModule
from fer.data.duplicates import seen
from fer.data.ferplus import find_votes, read_votes
from fer.data.ferplus_rules import CLASSES, majority, without_outliers
from fer.errors import UserError
from fer.evaluation.images import images_with_ids


def without_training_copies(datamodule: FERDataModule, ids: np.ndarray, near: bool = False) -> np.ndarray:
    """Returns (N,) bool: which images have no identical training image and, with `near`, no near copy in training."""
    train = datamodule.splits["train"].images[:, 0].numpy()
    return ~seen(train, images_with_ids(datamodule, ids), near)


def ferplus_agreement(datamodule: FERDataModule, ids: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Returns (N,) bool: which labels the majority of the FER+ voters (`fer.data.ferplus`) chose.

    Raises UserError if the faces do not come from one fer2013.csv, or if there are no votes beside it.
    """
    if datamodule.hparams["votes"] != "none":
        raise UserError("labels.votes: the labels already are those of FER+")
    source, *others = datamodule.sources
    if others or not source.lower().endswith(".csv"):
        raise UserError(
            f"FER+ has a row for each row of fer2013.csv, but these faces come from {', '.join(datamodule.sources)}"
        )
    votes = read_votes(*find_votes(source, fix=""))
    names = np.char.rpartition(ids.astype(str), "_")
    rows = np.array([int(row) if row.isdigit() else len(votes.usage) for row in names[:, 2]])
    exists = rows < len(votes.usage)
    if not exists.all() or (votes.usage[rows] != names[:, 0]).any():
        raise UserError(f"{votes.where}: its rows are not those of {source}")
    choices = majority(without_outliers(votes.counts[rows]))
    return np.array([*CLASSES, "unknown", "no face", ""])[choices] == np.asarray(labels)
