"""Assigns faces to training, validation and test, and takes subsets: functions on `Faces` and row numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer.data.duplicates import copies, joined_groups, seen
from fer.data.emotions import EMOTIONS, USAGES, WITH_CONTEMPT
from fer.data.faces import SPLITS, Faces, concatenate
from fer.errors import Setting, UserError

Rows = dict[str, np.ndarray]  # split -> (n,) int64 row numbers


def without_contempt(
    faces: Faces, classes: Sequence[str] | None = None, merge: Mapping[str, str] | None = None
) -> Faces:
    """Drops pictures of contempt, which FER2013 lacks, and adds a note; keeps them where `classes` or `merge` ask."""
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
    """Renames classes by `merge`, then keeps the rows of `classes`, in that order; drops other and unlabelled rows.

    Without `classes` all classes stay, in the order of the data. Soft targets of merged classes are added; those of the
    kept classes are scaled to sum 1, and the label is the class with the largest target. A row is dropped where a class
    that is not kept has the largest. Raises UserError for names that the data lacks and for fewer than two classes.
    """
    merge = dict(merge or {})
    _require_names("labels.merge", merge, faces.classes)
    merged = [merge.get(name, name) for name in faces.classes]
    classes = tuple(classes or dict.fromkeys(merged))
    _require_names("labels.classes", classes, merged)
    if len(set(classes)) < max(2, len(classes)):
        raise UserError(f"labels.classes: {', '.join(classes)}; a classifier needs at least two different classes")
    code = np.array([classes.index(name) if name in classes else -1 for name in merged] + [-1])
    labels, targets = code[faces.labels], None  # -1, no label, picks the last entry
    if faces.targets is not None:
        labels, targets = _merged_targets(faces.targets, merged, classes)
    faces = replace(faces, labels=labels, targets=targets, classes=classes)
    return faces if (labels >= 0).all() else faces.take(labels >= 0)


def _merged_targets(
    targets: np.ndarray, merged: Sequence[str], classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels (N,), -1 where a class that is not kept leads, and targets (N, C) of `classes`.

    targets: (N, len(merged)); `merged` are the names of its columns, of which several may be equal.
    """
    names = list(dict.fromkeys((*classes, *merged)))
    shares = targets @ np.array([[name == new for new in names] for name in merged], np.float32)
    shares = shares.round(6)  # sums that are equal on paper differ in the last bits
    labels, kept = shares.argmax(1), shares[:, : len(classes)]
    return np.where(labels < len(classes), labels, -1), kept / np.maximum(kept.sum(1, keepdims=True), 1e-6)


def _require_names(option: str, names: Iterable[str], existing: Sequence[str]) -> None:
    for name in names:
        if name not in existing:
            choices = ", ".join(dict.fromkeys(existing))
            raise UserError(Setting(option), f": no class '{name}' in the data; there are {choices}")


def assign_roles(
    faces: Faces, roles: str | None = None, val_fraction: float = 0.1, test_fraction: float = 0.1, seed: int = 0
) -> tuple[Rows, bool]:
    """Returns the rows of train, val and test, and whether this is FER2013's official split.

    roles: "official" (the Usage of each row or file name), "folders" (the folder or csv of a face, else its Usage), or
        None: "official" where every face has a Usage, else "folders".
    val_fraction, test_fraction: shares of training that are cut off where the source holds nothing out: stratified,
        seeded, all copies of an image and all images of a person on one side. A single held-out part is the test split.
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
    """Returns (N,) indices into SPLITS, training for faces without a role, and whether they are the Usages alone.

    Raises UserError for roles="official" where a face has no Usage.
    """
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
    """Joins the training images of `faces` with the validation and test images of `others`.

    Raises UserError where either has none, or where their classes differ.
    """
    if faces.classes != others.classes:
        raise UserError(
            f"{', '.join(faces.classes)} in ",
            Setting("data.root"),
            f" and {', '.join(others.classes)} in data.held_out; choose the same with ",
            Setting("labels.classes", ("…",)),
        )
    train, held_out = role_of(faces, roles)[0] == 0, role_of(others, roles)[0] > 0
    if not train.any():
        raise UserError(Setting("data.root"), f": no training images in {', '.join(faces.sources)}")
    if not held_out.any():
        raise UserError(f"data.held_out: no validation or test images in {', '.join(others.sources)}")
    return concatenate([faces.take(train), others.take(held_out)]).stamped()


def cut(faces: Faces, rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Splits `rows` into shares of 1 - fraction and fraction of each class, copies of one image together, in order.

    Where persons are known, it splits the persons instead, so that nobody is on both sides.
    """
    random = np.random.default_rng([seed, len(rows)])
    group = copies(faces.images[rows])
    if faces.persons is not None and any(faces.persons[rows]):
        held = _held_persons(joined_groups(group, faces.persons[rows]), fraction, random)
        return rows[~held], rows[held]
    _, first = np.unique(group, return_index=True)
    held = np.zeros(len(rows), dtype=bool)
    for label in range(len(faces.classes)):
        of_class = first[faces.labels[rows[first]] == label]  # a group counts for the class of its first image
        count = max(1, round(fraction * len(of_class))) if len(of_class) > 1 else 0
        held[random.permutation(of_class)[:count]] = True
    held = np.isin(group, group[held])
    return rows[~held], rows[held]


def _held_persons(group: np.ndarray, fraction: float, random: np.random.Generator) -> np.ndarray:
    """Returns (N,) bool: random groups that together are closest to `fraction` of the images, one at least.

    One group is left on the other side.
    """
    groups, sizes = np.unique(group, return_counts=True)
    order = random.permutation(len(groups))
    total = np.cumsum(sizes[order])
    count = int(np.abs(total - fraction * len(group)).argmin()) + 1
    return np.isin(group, groups[order[: min(count, len(groups) - 1)]])


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
                f"data.per_class.{split}={per_class}: only {len(of_class)} images of '{name}'; take at most that many"
            )
        chosen.append(random.permutation(of_class)[:per_class])
    return np.sort(np.concatenate(chosen))


def limited(faces: Faces, rows: np.ndarray, limit: int, split: str, seed: int) -> np.ndarray:
    """Returns `limit` random rows with the class shares of `rows`, in their old order.

    At least one row of each class in `rows` is kept, even above `limit`. Subsets of one seed are nested.
    """
    random = np.random.default_rng([seed, SPLITS.index(split), 1])
    labels = faces.labels[rows]
    turn = np.empty(len(rows))  # when a row is taken: each class's rows are spread evenly over [0, 1)
    for label in np.unique(labels):
        of_class = random.permutation(np.flatnonzero(labels == label))
        turn[of_class] = (np.arange(len(of_class)) + 0.5) / len(of_class)
        turn[of_class[0]] = 0
    count = max(limit, (turn == 0).sum())
    return np.sort(rows[np.argsort(turn, kind="stable")[:count]])


def check(faces: Faces, rows: Rows) -> list[str]:
    """Raises UserError for an empty split or a class without training images; returns warnings on the other splits."""
    warnings = []
    for split in SPLITS:
        counts = np.bincount(faces.labels[rows[split]], minlength=len(faces.classes))
        missing = ", ".join(name for name, count in zip(faces.classes, counts, strict=True) if not count)
        if not len(rows[split]):
            place = f"{faces.layout}, {', '.join(faces.sources)}"
            raise UserError(f"the {split} split is empty ({place}); check ", Setting("data.root"))
        if missing and split == "train":
            present = tuple(name for name, count in zip(faces.classes, counts, strict=True) if count)
            raise UserError(
                f"training holds no image of {missing}; leave it out with ", Setting("labels.classes", present)
            )
        if missing:
            warnings.append(f"the {split} split holds no image of {missing}: figures cover the other classes")
    return warnings
