"""Assigns faces to training, validation and test, and takes subsets. Plain functions on `Faces` and row numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer.data.duplicates import copies, seen
from fer.data.emotions import EMOTIONS, USAGES, WITH_CONTEMPT
from fer.data.faces import Faces, concatenate
from fer.errors import UserError

SPLITS = ("train", "val", "test")
Rows = dict[str, np.ndarray]  # split -> (n,) int64 row numbers


def without_contempt(
    faces: Faces, classes: Sequence[str] | None = None, merge: Mapping[str, str] | None = None
) -> Faces:
    """Leaves out pictures of contempt, which FER2013 lacks, with a note, unless `classes` or `merge` say otherwise."""
    contempt = WITH_CONTEMPT.index("contempt")
    if classes or "contempt" in (merge or {}) or faces.classes != WITH_CONTEMPT:
        return faces
    kept = faces.labels != contempt
    note = (
        f"{(~kept).sum():,} pictures of contempt left out, which FER2013 lacks; name it in labels.classes=[…] to keep "
        "them, or count them as another class with labels.merge='{contempt: disgust}'"
    )
    return replace(faces.take(kept), classes=EMOTIONS).noting([note])


def choose_classes(faces: Faces, classes: Sequence[str] | None = None, merge: Mapping[str, str] | None = None) -> Faces:
    """Renames classes by `merge`, then keeps those in `classes`, in that order; rows of others and unlabelled go.

    Without `classes` all stay, in the order of the data. Soft targets of merged classes are added, those of the kept
    ones scaled to sum 1 again; the label is the class with the most. Rows go where one that is not kept has more.
    Raises UserError for names that the data lacks.
    """
    merge = dict(merge or {})
    _known("labels.merge", merge, faces.classes)
    merged = [merge.get(name, name) for name in faces.classes]
    classes = tuple(classes or dict.fromkeys(merged))
    _known("labels.classes", classes, merged)
    if len(set(classes)) < max(2, len(classes)):
        raise UserError(f"labels.classes: {', '.join(classes)}; a classifier needs at least two different classes")
    code = np.array([classes.index(name) if name in classes else -1 for name in merged] + [-1])
    labels, targets = code[faces.labels], None  # -1, no label, picks the last entry
    if faces.targets is not None:
        labels, targets = _mixed(faces.targets, merged, classes)
    faces = replace(faces, labels=labels, targets=targets, classes=classes)
    return faces if (labels >= 0).all() else faces.take(labels >= 0)


def _mixed(targets: np.ndarray, merged: Sequence[str], classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,), -1 where a class that is not kept leads, and targets (N, C) of columns that are called `merged`."""
    names = list(dict.fromkeys((*classes, *merged)))
    shares = targets @ np.array([[name == new for new in names] for name in merged], np.float32)
    shares = shares.round(6)  # sums that are equal on paper differ in the last bits
    labels, kept = shares.argmax(1), shares[:, : len(classes)]
    return np.where(labels < len(classes), labels, -1), kept / np.maximum(kept.sum(1, keepdims=True), 1e-6)


def _known(option: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise UserError(f"{option}: no class '{name}' in the data; there are {', '.join(dict.fromkeys(known))}")


def assign_roles(
    faces: Faces, roles: str | None = None, val_fraction: float = 0.1, test_fraction: float = 0.1, seed: int = 0
) -> tuple[Rows, bool]:
    """Rows of train, val and test, and whether this is FER2013's official split.

    `roles` is "official" (the Usage of each row or file name), "folders" (the folder or csv a face lay in, its Usage
    where that says nothing), or None: official where every face carries a Usage. What the source does not hold out is
    cut from training: stratified, seeded, all copies of an image on one side. A single held-out part is the test split.
    """
    role, official = role_of(faces, roles)
    rows = {split: np.flatnonzero(role == index) for index, split in enumerate(SPLITS)}
    complete = all(map(len, rows.values()))
    if not len(rows["test"]):
        rows["val"], rows["test"] = rows["test"], rows["val"]
    for split, fraction in (("test", test_fraction), ("val", val_fraction)):
        if not len(rows[split]):
            rows["train"], rows[split] = cut(faces, rows["train"], fraction, seed)
    return rows, official and complete


def role_of(faces: Faces, roles: str | None) -> tuple[np.ndarray, bool]:
    """(N,) index into SPLITS, training for faces of which nothing is known; and whether it is the Usage alone."""
    unknown = int((faces.usage < 0).sum())
    if roles == "official" and unknown:
        raise UserError(
            f"data.roles=official: {unknown} of {len(faces)} images carry no Usage ({', '.join(USAGES)}) in csv or "
            "file name; use data.roles=folders"
        )
    official = roles == "official" or (roles is None and not unknown)
    role = faces.usage if official else np.where(faces.folder < 0, faces.usage, faces.folder)
    return np.maximum(role, 0), official


def with_held_out(faces: Faces, others: Faces, roles: str | None = None) -> Faces:
    """The training images of `faces` with the validation and test images of `others`, which have the same classes.

    Raises UserError where one of the two has none, or their classes differ.
    """
    if faces.classes != others.classes:
        theirs = f"{', '.join(faces.classes)} in data.root and {', '.join(others.classes)} in data.held_out"
        raise UserError(f"{theirs}; choose the same with labels.classes=[…]")
    train, held = role_of(faces, roles)[0] == 0, role_of(others, roles)[0] > 0
    for option, part, there in (("root", faces, train), ("held_out", others, held)):
        if not there.any():
            kind = "training" if option == "root" else "validation or test"
            raise UserError(f"data.{option}: no {kind} images in {', '.join(part.sources)}")
    return concatenate([faces.take(train), others.take(held)]).stamped()


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
    group = copies(faces.images)
    held_out = np.concatenate([group[rows["val"]], group[rows["test"]]])
    return rows | {"train": rows["train"][~np.isin(group[rows["train"]], held_out)]}


def without_seen(faces: Faces, rows: Rows) -> Rows:
    """Validation and test without the images that are exact or near copies of a training image."""
    held_out = np.concatenate([rows["val"], rows["test"]])
    known = held_out[seen(faces.images[rows["train"]], faces.images[held_out], near=True)]
    return rows | {split: rows[split][~np.isin(rows[split], known)] for split in ("val", "test")}


def balanced_subset(faces: Faces, rows: np.ndarray, per_class: int, split: str, seed: int) -> np.ndarray:
    """`per_class` random rows of every class, in their old order; a larger subset of one seed holds the smaller ones.

    Raises UserError where a class has fewer.
    """
    random = np.random.default_rng([seed, SPLITS.index(split)])
    chosen = []
    for label, name in enumerate(faces.classes):
        mine = rows[faces.labels[rows] == label]
        if len(mine) < per_class:
            fix = "take at most that many"
            raise UserError(f"data.per_class.{split}={per_class}: only {len(mine)} images of '{name}'; {fix}")
        chosen.append(random.permutation(mine)[:per_class])
    return np.sort(np.concatenate(chosen))


def limited(faces: Faces, rows: np.ndarray, limit: int, split: str, seed: int) -> np.ndarray:
    """`limit` random rows with the same class shares, in their old order; at least one of each class that is there.

    A larger subset of one seed holds the smaller ones.
    """
    random = np.random.default_rng([seed, SPLITS.index(split), 1])
    labels = faces.labels[rows]
    turn = np.empty(len(rows))  # when a row is taken: each class's rows are spread evenly over [0, 1)
    for label in np.unique(labels):
        mine = random.permutation(np.flatnonzero(labels == label))
        turn[mine] = (np.arange(len(mine)) + 0.5) / len(mine)
        turn[mine[0]] = 0
    count = max(limit, (turn == 0).sum())
    return np.sort(rows[np.argsort(turn, kind="stable")[:count]])


def check(faces: Faces, rows: Rows) -> list[str]:
    """Raises UserError for an empty split or a class that training lacks; returns warnings for the other splits."""
    warnings = []
    for split in SPLITS:
        counts = np.bincount(faces.labels[rows[split]], minlength=len(faces.classes))
        lacking = ", ".join(name for name, count in zip(faces.classes, counts, strict=True) if not count)
        if not len(rows[split]):
            raise UserError(f"the {split} split is empty ({faces.layout}, {', '.join(faces.sources)}); check data.root")
        if lacking and split == "train":
            present = ",".join(name for name, count in zip(faces.classes, counts, strict=True) if count)
            raise UserError(f"training holds no image of {lacking}; go on without by labels.classes=[{present}]")
        if lacking:
            warnings.append(f"the {split} split holds no image of {lacking}: figures cover the other classes")
    return warnings
