"""Picks and merges classes of faces, `labels.classes` and `labels.merge`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from fer.counting import counted
from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.data.faces import Faces
from fer.errors import Setting, UserError


def without_contempt(
    faces: Faces, classes: Sequence[str] | None = None, merge: Mapping[str, str] | None = None
) -> Faces:
    """Drops pictures of contempt, which FER2013 lacks, and adds a note; keeps them where `classes` or `merge` ask."""
    contempt = WITH_CONTEMPT.index("contempt")
    if classes or "contempt" in (merge or {}) or faces.classes != WITH_CONTEMPT:
        return faces
    kept = faces.labels != contempt
    note = (
        f"{counted((~kept).sum(), 'picture')} of contempt left out, which FER2013 lacks; name it in "
        "labels.classes=[…] to keep them, or count them as another class with labels.merge='{contempt: disgust}'"
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
