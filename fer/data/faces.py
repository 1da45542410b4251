"""Faces: the record that every reader returns and every split starts from."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fer.counting import counted
from fer.data.duplicates import distinct
from fer.preprocess import SIZE


@dataclass(frozen=True)
class Faces:
    """Labelled faces with what their source said about splits. Raises ValueError where shapes do not fit."""

    images: np.ndarray  # (N, 48, 48) uint8
    labels: np.ndarray  # (N,) int64, index into classes; -1 without label
    usage: np.ndarray  # (N,) int8, official role: 0 Training, 1 PublicTest, 2 PrivateTest, -1 unknown
    folder: np.ndarray  # (N,) int8, role by folder or file name: 0 train, 1 validation, 2 test, -1 none
    ids: np.ndarray  # (N,) str, unique
    classes: tuple[str, ...]
    layout: str  # in words
    sources: tuple[str, ...]  # paths
    notes: tuple[str, ...] = ()  # remarks on the reading, for the user
    fingerprint: str = ""  # filled in by `stamped`
    targets: np.ndarray | None = None  # (N, C) float32, soft labels, rows sum to 1; added after reading
    persons: np.ndarray | None = None  # (N,) str, who is shown, "" where unknown; None for a source without persons

    def __post_init__(self):
        shapes = {name: array.shape for name, array in self.columns().items()}
        if shapes["images"][1:] != (SIZE, SIZE) or len({shape[0] for shape in shapes.values()}) > 1:
            raise ValueError(f"expected images (N, {SIZE}, {SIZE}) and N of the rest, got {shapes}")

    @classmethod
    def of(
        cls,
        images: np.ndarray,
        labels: Sequence[int] | Sequence[str] | np.ndarray,
        classes: Sequence[str],
        split: str | Sequence[str] | None = None,
        ids: Sequence[str] | None = None,
        persons: Sequence[str] | None = None,
    ) -> "Faces":
        """Returns a record of data that no reader of this package knows, for `data=own`.

        images: (N, 48, 48) uint8. labels: (N,), numbers that point into `classes`, or names in it. split: "train",
        "val" or "test", for each face or for all; without it, splits are cut. ids: different names of the faces.
        Raises ValueError for names that are not there and for shapes that do not fit.
        """
        count = len(images)
        parts = np.broadcast_to(np.array([""] if split is None else split, dtype=str), count)
        return cls(
            images=np.asarray(images),
            labels=_codes(np.asarray(labels), classes, "label"),
            usage=np.full(count, -1, np.int8),
            folder=np.full(count, -1, np.int8) if split is None else _codes(parts, SPLITS, "split").astype(np.int8),
            ids=np.array([f"face_{row}" for row in range(count)] if ids is None else ids, dtype=str),
            classes=tuple(classes),
            layout="own data",
            sources=(),
            persons=None if persons is None else np.array(persons, dtype=str),
        )

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def distinct(self) -> int:
        """Number of different images."""
        return distinct(self.images)

    def columns(self) -> dict[str, np.ndarray]:
        """Returns all arrays that have one entry a face."""
        arrays = {name: getattr(self, name) for name in (*ROW_FIELDS, *OPTIONAL_FIELDS)}
        return {name: array for name, array in arrays.items() if array is not None}

    def take(self, rows: np.ndarray) -> "Faces":
        """Returns the record with only `rows` (indices or mask)."""
        return replace(self, **{name: array[rows] for name, array in self.columns().items()})

    def noting(self, notes: Sequence[str]) -> "Faces":
        """Returns the record with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def stamped(self) -> "Faces":
        """Returns the record with its fingerprint: 16 hex digits of the SHA-256 of classes, pixels, labels, roles and
        targets."""
        digest = hashlib.sha256("\0".join(self.classes).encode())
        for name, array in self.columns().items():
            if name != "ids":
                content = np.ascontiguousarray(array)
                digest.update(content.tobytes() if name == "persons" else content.data)  # text has no buffer
        return replace(self, fingerprint=digest.hexdigest()[:16])


def _codes(values: np.ndarray, names: Sequence[str], kind: str) -> np.ndarray:
    """Returns (N,) int64: the position of each value in `names`; numbers as they are. Raises ValueError."""
    if np.issubdtype(values.dtype, np.integer):
        return values.astype(np.int64)
    unknown = sorted(set(values.astype(str)) - set(names))
    if unknown:
        raise ValueError(f"{kind} '{unknown[0]}', expected one of {', '.join(names)}")
    position = {name: code for code, name in enumerate(names)}
    return np.array([position[str(value)] for value in values], dtype=np.int64)


SPLITS = ("train", "val", "test")
ROW_FIELDS = ("images", "labels", "usage", "folder", "ids")
OPTIONAL_FIELDS = ("targets", "persons")


def concatenate(parts: Sequence[Faces]) -> Faces:
    """Joins records of the same classes; an image that comes twice under one id is kept once."""
    if len(parts) == 1:
        return without_repeats(parts[0])
    faces = replace(
        parts[0],
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in ROW_FIELDS},
        layout=" + ".join(dict.fromkeys(part.layout for part in parts)),
        sources=tuple(source for part in parts for source in part.sources),
        notes=tuple(note for part in parts for note in part.notes),
        persons=_joined_persons(parts),
    )
    return without_repeats(faces)


def _joined_persons(parts: Sequence[Faces]) -> np.ndarray | None:
    if all(part.persons is None for part in parts):
        return None
    return np.concatenate([np.full(len(part), "") if part.persons is None else part.persons for part in parts])


def without_repeats(faces: Faces) -> Faces:
    """Drops rows whose id, label, roles and pixels were there before; other rows of a taken id get a suffix."""
    if len(np.unique(faces.ids)) == len(faces):
        return faces
    keep, ids, rows_of = [], [], {}
    taken = set(faces.ids)
    for row, name in enumerate(faces.ids):
        earlier = rows_of.setdefault(name, [])
        if any(_same(faces, row, other) for other in earlier):
            continue
        free = (f"{name}#{n}" for n in range(len(earlier) + 1, len(faces) + 2))
        ids.append(next(new for new in free if new not in taken) if earlier else name)
        taken.add(ids[-1])
        earlier.append(row)
        keep.append(row)
    repeats = len(faces) - len(keep)
    twice = f"{counted(repeats, 'image was', 'images were')} there twice under the same name: kept once"
    notes = [twice] if repeats else []
    return replace(faces.take(np.array(keep)), ids=np.array(ids)).noting(notes)


def _same(faces: Faces, a: int, b: int) -> bool:
    return all(np.array_equal(getattr(faces, name)[a], getattr(faces, name)[b]) for name in ROW_FIELDS[:-1])
