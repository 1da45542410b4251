"""Predictions of a split: reads predictions.csv, restricts classes, aligns and averages classifiers."""

import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fer import confusion
from fer.counting import counted
from fer.errors import UserError, first_line
from fer.evaluation import calibration

DIGITS = "%.5g"
"""Format of probabilities in predictions.csv: significant digits, so that logarithms of small ones stay exact."""
ID_COLUMNS = ["split", "id", "true", "predicted"]
"""Columns of predictions.csv before those of the probabilities."""


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
        """(N,) bool: which predictions are correct."""
        return self.labels == self.predicted

    @property
    def confusion(self) -> np.ndarray:
        """(C, C) counts, rows = true class."""
        return confusion.count(self.labels, self.predicted, len(self.classes))

    def table(self, split: str) -> pd.DataFrame:
        """Returns the columns of predictions.csv: split, id, true, predicted, and one probability for each class."""
        names = np.array(self.classes)
        columns = {"split": split, "id": self.ids, "true": names[self.labels], "predicted": names[self.predicted]}
        return pd.concat([pd.DataFrame(columns), pd.DataFrame(self.probabilities, columns=list(self.classes))], axis=1)

    def take(self, rows: np.ndarray) -> "Predictions":
        """Returns the predictions of `rows` (indices or mask)."""
        arrays = {name: getattr(self, name)[rows] for name in ("ids", "labels", "predicted", "probabilities")}
        return replace(self, **arrays)

    def restrict(self, classes: Sequence[str]) -> "Predictions":
        """Returns the images of `classes`, decided among these classes as if the other logits were masked.

        The result has `classes` in the given order. Raises UserError for an unknown class, and if no image is left.
        """
        columns = [self.classes.index(name) for name in require_classes(classes, self.classes)]
        new = np.full(len(self.classes), -1)
        new[columns] = np.arange(len(columns))
        part = self.take(new[self.labels] >= 0)
        if not len(part):
            raise UserError(f"no image of {', '.join(classes)} is left; name other classes with --labels")
        probabilities = np.maximum(part.probabilities[:, columns], calibration.clip_bound(part.probabilities))
        predicted = new[part.predicted]
        # Rounded probabilities may tie, so a prediction among the classes is kept.
        predicted = np.where(predicted >= 0, predicted, probabilities.argmax(1))
        return replace(
            part,
            classes=tuple(classes),
            labels=new[part.labels],
            predicted=predicted,
            probabilities=probabilities / probabilities.sum(1, keepdims=True),
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
    """Returns the predictions of (N, C) logits; ids: (N,) str, labels: (N,) int64."""
    probabilities = calibration.softmax(logits.astype(np.float64))
    return Predictions(tuple(classes), ids.astype(str), labels, logits.argmax(1), probabilities)


def read(path: Path) -> dict[str, Predictions]:
    """Reads the predictions of each split from a predictions.csv(.gz). Raises UserError naming file, line and cell."""
    as_text: dict[Hashable, type[str]] = dict.fromkeys(("id", "true", "predicted"), str)
    try:
        table = pd.read_csv(path, dtype=as_text, na_filter=False)  # a class may be called None
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path}: not a table of predictions ({first_line(error, 100)}); fer.train writes one as predictions.csv"
        ) from error
    missing = [column for column in ID_COLUMNS if column not in table]
    classes = tuple(str(column) for column in table if column not in ID_COLUMNS)
    if missing or len(classes) < 2:
        problem = f"no column {', '.join(missing)}" if missing else "fewer than two columns of probabilities"
        raise UserError(f"{path}: not a table of predictions: {problem}; fer.train writes one as predictions.csv")
    check_cells(table, classes, path)
    return {str(split): split_predictions(part, classes) for split, part in table.groupby("split", sort=False)}


def check_cells(table: pd.DataFrame, classes: Sequence[str], path: Path) -> None:
    """Raises UserError for the first invalid cell."""
    for column in ("true", "predicted"):
        for row in np.flatnonzero(~table[column].isin(list(classes)))[:1]:
            name = table[column].iloc[row]
            raise UserError(
                f"{path}, line {row + 2}: {column} class '{name}' has no column of probabilities; "
                f"there are {', '.join(classes)}"
            )
    values = table[list(classes)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    valid = (values >= 0).all(1) & (values <= 1).all(1) & (np.abs(values.sum(1) - 1) < 0.01)
    for row in np.flatnonzero(~valid)[:1]:
        raise UserError(
            f"{path}, line {row + 2}: expected {len(classes)} probabilities that add up to 1; correct the row"
        )
    for row in np.flatnonzero(table.duplicated(["split", "id"]))[:1]:
        raise UserError(f"{path}, line {row + 2}: {table['id'].iloc[row]} occurs a second time; an id names one image")


def split_predictions(table: pd.DataFrame, classes: tuple[str, ...]) -> Predictions:
    """Returns the predictions in the rows of one split."""
    codes = pd.Index(classes)
    probabilities = table[list(classes)].to_numpy(float)
    return Predictions(
        classes=classes,
        ids=table["id"].to_numpy(str),
        labels=codes.get_indexer(table["true"].to_numpy()),
        predicted=codes.get_indexer(table["predicted"].to_numpy()),
        probabilities=probabilities / probabilities.sum(1, keepdims=True),
    )


def align(classifiers: Mapping[str, Predictions]) -> tuple[dict[str, Predictions], list[str]]:
    """Reduces the predictions of several classifiers to their common images and brings them into one order.

    Returns them, and sentences on the images left out. Raises UserError if the classes differ, or if no image has the
    same true class in all of them.
    """
    names, first = list(classifiers), next(iter(classifiers.values()))
    for name, other in classifiers.items():
        if set(other.classes) != set(first.classes):
            common = ",".join(label for label in first.classes if label in other.classes)
            raise UserError(
                f"{names[0]} knows the classes {', '.join(first.classes)}, but {name} {', '.join(other.classes)}; "
                f"compare them among the classes of both: --labels {common}"
            )
    same_classes = {
        name: part if part.classes == first.classes else part.restrict(first.classes)
        for name, part in classifiers.items()
    }
    true_classes = [pd.Series(np.array(part.classes)[part.labels], index=part.ids) for part in same_classes.values()]
    table = pd.concat(true_classes, axis=1, join="inner")
    agrees = (table.nunique(axis=1) == 1).to_numpy()
    if not agrees.any():
        reason = "has the same true class in all of them" if len(table) else "is in all of them"
        raise UserError(f"{', '.join(names)}: no image {reason}; compare predictions of one split of one data set")
    ids = table.index[agrees]
    sentences = []
    if missing := max(map(len, classifiers.values())) - len(table):
        sentences.append(f"Left out: {counted(missing, 'image that is', 'images that are')} not in all of them.")
    if not agrees.all():
        sentences.append(f"Left out: {counted((~agrees).sum(), 'image')} with different true classes in them.")
    aligned = {name: part.take(pd.Index(part.ids).get_indexer(ids)) for name, part in same_classes.items()}
    return aligned, sentences


def ensemble(members: Sequence[Predictions], kind: str) -> Predictions:
    """Returns the mean of the members' "probabilities" or "logits"; the members must come from `align`."""
    stack = np.stack([member.probabilities for member in members])
    if kind == "probabilities":
        mean = stack.mean(0)
    else:
        mean = calibration.softmax(calibration.log_probabilities(stack).mean(0))
    return replace(members[0], predicted=mean.argmax(1), probabilities=mean)
