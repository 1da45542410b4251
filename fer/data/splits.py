"""Assigns faces to training, validation and test: functions on `Faces` and row numbers."""

import numpy as np

from fer.data.duplicates import copies, joined_groups
from fer.data.emotions import USAGES
from fer.data.faces import SPLITS, Faces, concatenate
from fer.errors import Setting, UserError

Rows = dict[str, np.ndarray]  # split -> (n,) int64 row numbers


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
