"""Reads class probabilities of training images from a file and mixes them with the labels of the data."""

import hashlib
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer.data.faces import Faces
from fer.data.reading import check_file_is_no_pointer
from fer.errors import UserError

NO_CLASSES = ("split", "id", "true", "predicted")
"""Columns of a table of predictions that are no probabilities."""

TRAIN = "train"
TOLERANCE = 0.01
"""How far a row's sum may be from 1: written probabilities are rounded."""


@dataclass(frozen=True)
class SoftLabels:
    """The probabilities of a file, one row an image."""

    where: str  # option and path, for messages
    classes: tuple[str, ...]
    ids: np.ndarray  # (N,) str, unique and sorted
    probabilities: np.ndarray  # (N, C) float64, rows sum to 1

    @property
    def digest(self) -> str:
        """SHA-256 of classes, ids and probabilities (16 hex digits): the identity of the content, not of the file."""
        digest = hashlib.sha256("\0".join([*self.classes, "", *self.ids]).encode())
        digest.update(np.ascontiguousarray(self.probabilities, dtype="<f8").data)
        return digest.hexdigest()[:16]

    def among(self, classes: Sequence[str], merge: Mapping[str, str] | None = None) -> np.ndarray:
        """(N, len(classes)) float64: probabilities among `classes`, in their order, after the renaming `merge`.

        Merged classes are added and rows scaled to sum 1; a row whose probability of all `classes` is 0 is all NaN.
        Raises UserError for a class that has no column.
        """
        names = [(merge or {}).get(name, name) for name in self.classes]
        if missing := [name for name in classes if name not in names]:
            raise UserError(
                f"{self.where}: no column {', '.join(missing)}; its classes are {', '.join(self.classes)}. "
                "Give a file with a probability for each class of labels.classes"
            )
        columns = np.array([[name == new for new in classes] for name in names], dtype=np.float64)
        kept = self.probabilities @ columns
        total = kept.sum(1, keepdims=True)
        return np.divide(kept, total, out=np.full_like(kept, np.nan), where=total > 0)

    def require(self, matched: bool, ids: np.ndarray) -> None:
        """Raises UserError unless some row of the file is one of the training images `ids`."""
        if not matched:
            raise UserError(
                f"{self.where}: none of its {len(self.ids):,} ids is a training image; the first is {self.ids[0]}, "
                f"while the training images have ids such as {ids[0]}"
            )


def check_weight(weight: float) -> None:
    """Raises UserError unless `weight` is a number from 0 to 1."""
    if isinstance(weight, bool) or not isinstance(weight, Real) or not 0 <= weight <= 1:
        raise UserError(f"labels.soft_weight={weight}: expected a number from 0 to 1")


def read_teachers(paths: str | Sequence[str]) -> SoftLabels:
    """Reads one file, or the mean of several of the same images and classes, such as those of several networks.

    Raises UserError where `read_soft_labels` does, and for files that differ in their images or classes.
    """
    files = [read_soft_labels(path) for path in ([paths] if isinstance(paths, str) else paths)]
    first, *others = files
    for other in others:
        if set(other.classes) != set(first.classes):
            raise UserError(f"{other.where}: other classes than {first.where}; give files of the same classes")
        if not np.array_equal(other.ids, first.ids):
            missing = np.setxor1d(other.ids, first.ids)[0]
            raise UserError(
                f"{other.where}: its images are not those of {first.where}, for example {missing}; "
                "give files of the same images"
            )
    if not others:
        return first
    mean = np.mean([soft.among(first.classes) for soft in files], axis=0)
    return replace(first, where=f"{first.where} and {len(others)} more", probabilities=mean)


def read_soft_labels(path: str, option: str = "labels.soft") -> SoftLabels:
    """Reads a .csv or .csv.gz with `id` and a column of probabilities for each class, as in predictions.csv.

    Columns `true` and `predicted` are ignored. Where there is a column `split`, only its rows "train" count. Raises
    UserError, naming file and line, for a file that cannot be read, a second row of one id, and probabilities that are
    outside of [0, 1] or do not sum to 1; messages call the file by `option`.
    """
    place = Path(os.path.abspath(os.path.expanduser(path)))
    where = f"{option}={place}"
    if not place.is_file():
        raise UserError(f"{option}: no such file: {place}; give a .csv or .csv.gz with id and a column a class")
    check_file_is_no_pointer(place)
    try:
        table: Any = pd.read_csv(
            place, dtype=dict.fromkeys(NO_CLASSES, str), na_filter=False
        )  # a class may be called None
    except (OSError, ValueError, EOFError, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
        raise UserError(f"{where}: not a table of probabilities ({reason})") from error
    classes = tuple(column for column in table if column not in NO_CLASSES)
    if "id" not in table or len(classes) < 2:
        raise UserError(f"{where}: expected a column id and at least two columns of probabilities")
    if "split" in table:
        table = table[table["split"] == TRAIN]
    if table.empty:
        raise UserError(
            f"{where}: no row of the split {TRAIN}; predictions of training images come from data.fold=k/n "
            "and fer.evaluate --merge"
        )
    probabilities = checked_probabilities(table, classes, where)
    order = np.argsort(table["id"].to_numpy(str), kind="stable")
    return SoftLabels(where, classes, table["id"].to_numpy(str)[order], probabilities[order])


def checked_probabilities(table: pd.DataFrame, classes: Sequence[str], where: str) -> np.ndarray:
    """(N, C) float64, rows scaled to sum exactly 1. `table` keeps the row numbers of the file as its index."""
    values = table[list(classes)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    valid = (values >= 0).all(1) & (values <= 1).all(1) & (np.abs(values.sum(1) - 1) < TOLERANCE)
    for row in table.index[~valid][:1]:
        raise UserError(f"{where}, line {row + 2}: expected {len(classes)} probabilities that sum to 1")
    for row in table.index[table["id"].duplicated()][:1]:
        raise UserError(f"{where}, line {row + 2}: {table.loc[row, 'id']} occurs a second time")
    return values / values.sum(1, keepdims=True)


def targets(faces: Faces, soft: SoftLabels, merge: Mapping[str, str] | None, weight: float) -> tuple[np.ndarray, str]:
    """Returns the targets of training faces, (N, C) float32, mixed with `soft`, and a sentence on them; see `mix`."""
    hard = np.eye(len(faces.classes))[faces.labels] if faces.targets is None else faces.targets
    return mix(hard, faces.ids, soft, soft.among(faces.classes, merge), weight)


def mix(
    hard: np.ndarray, ids: np.ndarray, soft: SoftLabels, probabilities: np.ndarray, weight: float
) -> tuple[np.ndarray, str]:
    """Returns the targets (1 - weight)·hard + weight·soft, (N, C) float32, and a sentence with the counts.

    hard: (N, C) target probabilities of the training images `ids`, (N,). probabilities: of the rows of `soft`, as
    `SoftLabels.among` returns them. An image without a row in the file, or without probability for any of the classes,
    keeps its hard target. Raises UserError where no image has one.
    """
    rows = pd.Index(soft.ids).get_indexer(pd.Index(ids))
    matched = np.flatnonzero(rows >= 0)
    soft.require(len(matched) > 0, ids)
    usable = matched[np.isfinite(probabilities[rows[matched]]).all(1)]
    targets = np.array(hard, dtype=np.float64)
    targets[usable] = (1 - weight) * targets[usable] + weight * probabilities[rows[usable]]
    note = f"soft labels (weight {weight:g}) for {len(usable):,} of {len(ids):,} training images"
    if len(usable) < len(ids):
        note += f"; {len(ids) - len(usable):,} keep their own label"
    if unused := len(soft.ids) - len(matched):
        note += f"; {unused:,} ids of the file are no training images of this run"
    return targets.astype(np.float32), note
