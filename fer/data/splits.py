"""Which face trains, which validates, which tests; subsets of them. Plain functions on `Faces` and row numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer.data.duplicates import copies
from fer.data.emotions import USAGES
from fer.data.faces import Faces
from fer.errors import UserError

SPLITS = ("train", "val", "test")
Rows = dict[str, np.ndarray]  # split -> (n,) int64 row numbers


def choose_classes(
    faces: Faces, classes: Sequence[str] | None = None, merge: Mapping[str, str] | None = None
) -> Faces:
    """Renames classes by `merge`, then keeps those in `classes`, in that order; rows of others and unlabelled go.

    Without `classes` all stay, in the order of the data. Raises UserError for names that the data lacks.
    """
    merge = dict(merge or {})
    _known("labels.merge", merge, faces.classes)
    merged = [merge.get(name, name) for name in faces.classes]
    classes = tuple(classes or dict.fromkeys(merged))
    _known("labels.classes", classes, merged)
    if len(set(classes)) < max(2, len(classes)):
        raise UserError(f"labels.classes: {', '.join(classes)}; a classifier needs at least two different classes")
    code = np.array([classes.index(name) if name in classes else -1 for name in merged] + [-1])
    labels = code[faces.labels]  # -1, no label, picks the last entry
    return replace(faces, labels=labels, classes=classes).take(labels >= 0)


def _known(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"{option}: no class '{name}' in the data; there are {', '.join(dict.fromkeys(known))}")


def assign_roles(
    faces: Faces, roles: str | None = None, val_fraction: float = 0.1, test_fraction: float = 0.1, seed: int = 0
) -> tuple[Rows, bool]:
    """Rows of train, val and test, and whether this is FER2013's official split.

    `roles` is "official" (the Usage of each row or file name), "folders" (the folder or csv a face lay in), or None:
    official where every face carries a Usage. What the source does not hold out is cut from training: stratified,
    seeded, all copies of an image on one side. A single held-out part is the test split.
    """
    if roles == "official" and (faces.usage < 0).any():
        raise UserError(
            f"data.roles=official: {(faces.usage < 0).sum()} of {len(faces)} images carry no Usage ({', '.join(USAGES)}"
            ") in csv or file name; use data.roles=folders"
        )
    official = roles == "official" or (roles is None and (faces.usage >= 0).all())
    role = np.where(faces.usage < 0, 0, faces.usage) if official else np.where(faces.folder < 0, 0, faces.folder)
    rows = {split: np.flatnonzero(role == index) for index, split in enumerate(SPLITS)}
    complete = all(map(len, rows.values()))
    if not official and len(rows["val"]) and not len(rows["test"]):
        rows["val"], rows["test"] = rows["test"], rows["val"]
    for split, fraction in (("test", test_fraction), ("val", val_fraction)):
        if not len(rows[split]):
            rows["train"], rows[split] = cut(faces, rows["train"], fraction, seed)
    return rows, bool(official and complete)


def cut(faces: Faces, rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits `rows` in (1 - fraction, fraction), class by class, copies of one image together. Order is kept."""
    random = np.random.default_rng([seed, len(rows)])
    group = copies(faces.images[rows])
    _, first = np.unique(group, return_index=True)
    held = np.zeros(len(rows), dtype=bool)
    for label in range(len(faces.classes)):
        mine = first[faces.labels[rows[first]] == label]  # a group counts for the class of its first image
        count = max(1, round(fraction * len(mine))) if len(mine) > 1 else 0
        held[random.permutation(mine)[:count]] = True
    held = np.isin(group, group[held])
    return rows[~held], rows[held]


def without_copies(faces: Faces, rows: Rows) -> Rows:
    """Training without the images that are pixel-identical to one of validation or test."""
    everything = np.concatenate([rows[split] for split in SPLITS])
    group = dict(zip(everything, copies(faces.images[everything]), strict=True))
    held_out = {group[row] for split in ("val", "test") for row in rows[split]}
    keep = [row for row in rows["train"] if group[row] not in held_out]
    return rows | {"train": np.array(keep, dtype=np.int64)}


def balanced_subset(faces: Faces, rows: np.ndarray, per_class: int, split: str, seed: int) -> np.ndarray:
    """`per_class` random rows of every class, in their old order. Raises UserError where a class has fewer."""
    random = np.random.default_rng([seed, SPLITS.index(split)])
    chosen = []
    for label, name in enumerate(faces.classes):
        mine = rows[faces.labels[rows] == label]
        if len(mine) < per_class:
            raise UserError(
                f"data.per_class.{split}={per_class}: only {len(mine)} images of '{name}'; take at most that many"
            )
        chosen.append(random.permutation(mine)[:per_class])
    return np.sort(np.concatenate(chosen))


def limited(faces: Faces, rows: np.ndarray, limit: int, split: str, seed: int) -> np.ndarray:
    """About `limit` random rows with the same class shares, at least one of each class that is there."""
    if limit >= len(rows):
        return rows
    random = np.random.default_rng([seed, SPLITS.index(split), 1])
    labels = faces.labels[rows]
    counts = np.bincount(labels, minlength=len(faces.classes))
    exact = counts * limit / len(rows)
    take = np.maximum(np.floor(exact).astype(int), counts > 0)
    by_remainder = np.argsort(-(exact - take), kind="stable")
    for label in by_remainder[: max(0, limit - take.sum())]:
        take[label] += 1
    chosen = [random.permutation(rows[labels == label])[:count] for label, count in enumerate(take)]
    return np.sort(np.concatenate(chosen))


def check(faces: Faces, rows: Rows) -> list[str]:
    """Raises UserError for an empty split or a class that training lacks; returns warnings for the other splits."""
    warnings = []
    for split in SPLITS:
        counts = np.bincount(faces.labels[rows[split]], minlength=len(faces.classes))
        lacking = ", ".join(name for name, count in zip(faces.classes, counts, strict=True) if not count)
        if not len(rows[split]):
            raise UserError(f"the {split} split is empty ({faces.layout}, {', '.join(faces.sources)}); check data.root")
        if lacking and split == "train":
            raise UserError(f"training holds no image of {lacking}; leave it out with labels.classes=[...]")
        if lacking:
            warnings.append(f"the {split} split holds no image of {lacking}: figures cover the other classes")
    return warnings
