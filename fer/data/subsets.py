"""Takes subsets of splits: without copies, balanced, limited in size, or one part of the training split."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fer.counting import counted
from fer.data import folds
from fer.data.duplicates import copies, seen
from fer.data.faces import SPLITS, Faces
from fer.data.splits import Rows
from fer.errors import UserError


def chosen(faces: Faces, rows: Rows, options: Mapping[str, Any]) -> Rows:
    """Returns the rows of each split that `options`, arguments of FERDataModule, leave; `fold` adds a split.

    Raises UserError where they leave too few.
    """
    seed = options["split_seed"]
    rows = dict(rows)
    if options["drop_train_copies"]:
        rows = without_copies(faces, rows)
    for split, per_class in (options["per_class"] or {}).items():
        if per_class:
            rows[split] = balanced_subset(faces, rows[split], per_class, split, seed)
    if limit := options["limit"]:
        rows = {name: limited(faces, part, limit, name, seed) for name, part in rows.items()}
    if options["drop_held_out_copies"]:
        rows = without_seen(faces, rows)
    if options["fold"]:
        rows["train"], rows[folds.FOLD] = folds.cut_fold(faces, rows["train"], options["fold"])
    return rows


def reductions(options: Mapping[str, Any]) -> list[str]:
    """Returns, for each of the options that leave only a part of the validation and test images, a clause on it."""
    typed = {"limit": options["limit"], "drop_held_out_copies": options["drop_held_out_copies"]}
    typed |= {f"per_class.{split}": count for split, count in (options["per_class"] or {}).items() if split != "train"}
    return [f"data.{name}={str(value).lower()} takes a part of it" for name, value in typed.items() if value]


def without_copies(faces: Faces, rows: Rows) -> Rows:
    """Removes from training the images that are pixel-identical to a validation or test image."""
    group = copies(faces.images)
    held_out = np.concatenate([group[rows["val"]], group[rows["test"]]])
    return rows | {"train": rows["train"][~np.isin(group[rows["train"]], held_out)]}


def without_seen(faces: Faces, rows: Rows) -> Rows:
    """Removes from validation and test the images that are exact or near copies of a training image."""
    held_out = np.concatenate([rows["val"], rows["test"]])
    in_train = held_out[seen(faces.images[rows["train"]], faces.images[held_out], near=True)]
    return rows | {split: rows[split][~np.isin(rows[split], in_train)] for split in ("val", "test")}


def balanced_subset(faces: Faces, rows: np.ndarray, per_class: int, split: str, seed: int) -> np.ndarray:
    """Returns `per_class` random rows of every class, in their old order. Subsets of one seed are nested.

    Raises UserError where a class has fewer rows.
    """
    random = np.random.default_rng([seed, SPLITS.index(split)])
    chosen = []
    for label, name in enumerate(faces.classes):
        of_class = rows[faces.labels[rows] == label]
        if len(of_class) < per_class:
            raise UserError(
                f"data.per_class.{split}={per_class}: only {counted(len(of_class), 'image')} of '{name}'; take at most "
                "that many"
            )
        chosen.append(random.permutation(of_class)[:per_class])
    return np.sort(np.concatenate(chosen))


def limited(faces: Faces, rows: np.ndarray, limit: int, split: str, seed: int) -> np.ndarray:
    """Returns `limit` random rows with the class shares of `rows`, in their old order.

    At least one row of each class in `rows` is kept, even above `limit`. Subsets of one seed are nested.
    """
    number = SPLITS.index(split) if split in SPLITS else len(SPLITS)
    random = np.random.default_rng([seed, number, 1])
    labels = faces.labels[rows]
    turn = np.empty(len(rows))  # when a row is taken: each class's rows are spread evenly over [0, 1)
    for label in np.unique(labels):
        of_class = random.permutation(np.flatnonzero(labels == label))
        turn[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
        turn[of_class[0]] = 0
    count = max(limit, (turn == 0).sum())
    return np.sort(rows[np.argsort(turn, kind="stable")[:count]])
