"""Predictions of a split: reads predictions.csv, selects classes, joins seeds."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fer import confusion
from fer.errors import UserError
from fer.evaluation import calibration

DIGITS = "%.5g"
"""Of the probabilities in predictions.csv: significant digits, so that logarithms of small ones stay right."""
KNOWN = ["split", "id", "true", "predicted"]


@dataclass(frozen=True)
class Predictions:
    """The images of one split with their true and predicted classes and probabilities."""

    classes: tuple[str, ...]
    ids: np.ndarray  # (N,) str, unique
    labels: np.ndarray  # (N,) int64, index into classes
    predicted: np.ndarray  # (N,) int64
    probabilities: np.ndarray  # (N, C) float64, rows sum to 1

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def confidence(self) -> np.ndarray:
        """(N,): the largest probability."""
        return self.probabilities.max(1)

    @property
    def hits(self) -> np.ndarray:
        """(N,) bool: which images are right."""
        return self.labels == self.predicted

    @property
    def confusion(self) -> np.ndarray:
        """(C, C) counts, rows = true class."""
        return confusion.count(self.labels, self.predicted, len(self.classes))

    def table(self, split: str) -> pd.DataFrame:
        """The columns of predictions.csv: split, id, true, predicted, and one probability for each class."""
        names = np.array(self.classes)
        known = {"split": split, "id": self.ids, "true": names[self.labels], "predicted": names[self.predicted]}
        return pd.concat([pd.DataFrame(known), pd.DataFrame(self.probabilities, columns=list(self.classes))], axis=1)

    def take(self, rows: np.ndarray) -> "Predictions":
        """Returns the predictions of `rows` (indices or mask)."""
        arrays = {name: getattr(self, name)[rows] for name in ("ids", "labels", "predicted", "probabilities")}
        return replace(self, **arrays)

    def among(self, classes: Sequence[str]) -> "Predictions":
        """The images of `classes` alone, in that order, decided among them: as if the other logits were masked.

        Raises UserError for a class that is not there and where no image is left.
        """
        columns = [self.classes.index(name) for name in require_classes(classes, self.classes)]
        new = np.full(len(self.classes), -1)
        new[columns] = np.arange(len(columns))
        there = self.take(new[self.labels] >= 0)
        if not len(there):
            raise UserError(f"no image of {', '.join(classes)} is left; name other classes with --labels")
        left = np.maximum(there.probabilities[:, columns], calibration.floor(there.probabilities))
        predicted = new[there.predicted]
        predicted = np.where(predicted >= 0, predicted, left.argmax(1))  # rounded digits may tie, a kept winner stays
        return replace(
            there,
            classes=tuple(classes),
            labels=new[there.labels],
            predicted=predicted,
            probabilities=left / left.sum(1, keepdims=True),
        )


def require_classes(names: Sequence[str], available: Sequence[str]) -> Sequence[str]:
    """Returns `names`. Raises UserError unless they are two or more different names in `available`."""
    for name in names:
        if name not in available:
            raise UserError(f"--labels: no class '{name}' in the predictions; there are {', '.join(available)}")
    if len(set(names)) < max(2, len(names)):
        raise UserError(f"--labels={','.join(names)}: expected two or more different classes")
    return names


def from_logits(ids: np.ndarray, labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> Predictions:
    """Returns the predictions of (N, C) logits."""
    probabilities = calibration.softmax(logits.astype(np.float64))
    return Predictions(tuple(classes), ids.astype(str), labels, logits.argmax(1), probabilities)


def read(path: Path) -> dict[str, Predictions]:
    """Reads the predictions of each split from a predictions.csv(.gz). Raises UserError naming file, line and cell."""
    as_text = dict.fromkeys(("id", "true", "predicted"), str)
    try:
        table = pd.read_csv(path, dtype=as_text, na_filter=False)  # a class may be called None
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a table of predictions ({str(error).splitlines()[0][:100]})") from error
    lacking = [column for column in KNOWN if column not in table]
    classes = tuple(column for column in table if column not in KNOWN)
    if lacking or len(classes) < 2:
        wrong = f"no column {', '.join(lacking)}" if lacking else "fewer than two columns of probabilities"
        raise UserError(f"{path}: not a table of predictions: {wrong}; fer.train writes one as predictions.csv")
    _check(table, classes, path)
    return {split: _of_split(part, classes) for split, part in table.groupby("split", sort=False)}


def _check(table: pd.DataFrame, classes: Sequence[str], path: Path) -> None:
    """Raises UserError for the first cell that cannot be."""
    for column in ("true", "predicted"):
        for row in np.flatnonzero(~table[column].isin(classes))[:1]:
            name = table[column].iloc[row]
            raise UserError(
                f"{path}, line {row + 2}: {column} class '{name}' has no column of probabilities; "
                f"there are {', '.join(classes)}"
            )
    values = table[list(classes)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    good = (values >= 0).all(1) & (values <= 1).all(1) & (np.abs(values.sum(1) - 1) < 0.01)
    for row in np.flatnonzero(~good)[:1]:
        raise UserError(f"{path}, line {row + 2}: {len(classes)} probabilities that add up to 1 expected")
    for row in np.flatnonzero(table.duplicated(["split", "id"]))[:1]:
        raise UserError(f"{path}, line {row + 2}: {table['id'].iloc[row]} occurs a second time; an id names one image")


def _of_split(table: pd.DataFrame, classes: tuple[str, ...]) -> Predictions:
    code = pd.Index(classes)
    probabilities = table[list(classes)].to_numpy(float)
    return Predictions(
        classes=classes,
        ids=table["id"].to_numpy(str),
        labels=code.get_indexer(table["true"]),
        predicted=code.get_indexer(table["predicted"]),
        probabilities=probabilities / probabilities.sum(1, keepdims=True),
    )


def joined(several: dict[str, Predictions]) -> tuple[dict[str, Predictions], list[str]]:
    """Reduces predictions to common images in one order; returns them and sentences on the images left out.

    Raises UserError if the classes differ, or if no image has the same true class in all of them.
    """
    names, (first, *others) = list(several), several.values()
    for name, other in zip(names[1:], others, strict=True):
        if set(other.classes) != set(first.classes):
            common = ",".join(label for label in first.classes if label in other.classes)
            raise UserError(
                f"{names[0]} tells {', '.join(first.classes)} apart and {name} {', '.join(other.classes)}; "
                f"compare them among the classes of both: --labels {common}"
            )
    same = {name: one.among(first.classes) if one.classes != first.classes else one for name, one in several.items()}
    truth = [pd.Series(np.array(one.classes)[one.labels], index=one.ids) for one in same.values()]
    table = pd.concat(truth, axis=1, join="inner")
    agreed = table.nunique(axis=1) == 1
    if not agreed.any():
        why = "has the same true class in all of them" if len(table) else "is in all of them"
        raise UserError(f"{', '.join(names)}: no image {why}; compare predictions of one split of one data set")
    ids = table.index[agreed]
    dropped = []
    if most := max(map(len, several.values())) - len(table):
        dropped.append(f"{most:,} images are not in all of them and were left out.")
    if (~agreed).any():
        dropped.append(f"{(~agreed).sum():,} images have different true classes in them and were left out.")
    return {name: one.take(pd.Index(one.ids).get_indexer(ids)) for name, one in same.items()}, dropped


def ensemble(several: Sequence[Predictions], of: str) -> Predictions:
    """Returns the mean of the "probabilities" or "logits", as probabilities; `several` must come from `joined`."""
    stack = np.stack([one.probabilities for one in several])
    mean = stack.mean(0) if of == "probabilities" else calibration.softmax(calibration.log_probabilities(stack).mean(0))
    return replace(several[0], predicted=mean.argmax(1), probabilities=mean)
