"""Cuts the training split into parts for cross-fitting, copies and near copies of one image in one part."""

import hashlib
import re

import numpy as np

from fer.data.duplicate_groups import linked_groups
from fer.data.duplicates import copies, joined_groups
from fer.data.faces import Faces
from fer.data.near_duplicates import cached_near_pairs
from fer.errors import UserError

FOLD = "fold"
"""Name of the split that a run with data.fold predicts after training."""


def parse_fold(fold: str) -> tuple[int, int]:
    """Returns (k, n) of "k/n", 1 ≤ k ≤ n and n ≥ 2. Raises UserError for anything else."""
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", str(fold))
    part, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= part <= count or count < 2:
        raise UserError(f"data.fold={fold}: expected k/n, part k of n such as 1/5; k counts from 1")
    return part, count


def cut_fold(faces: Faces, rows: np.ndarray, fold: str) -> tuple[np.ndarray, np.ndarray]:
    """Splits training `rows` into those of the other parts and those of part k of n, for a `fold` of "k/n".

    Both keep their order. Raises UserError where part k is empty.
    """
    part, count = parse_fold(fold)
    persons = None if faces.persons is None else faces.persons[rows]
    inside = parts(faces.images[rows], faces.labels[rows], count, persons) == part - 1
    if not inside.any() or inside.all():
        raise UserError(f"data.fold={fold}: {len(rows)} training images are too few for {count} parts")
    return rows[~inside], rows[inside]


def parts(images: np.ndarray, labels: np.ndarray, count: int, persons: np.ndarray | None = None) -> np.ndarray:
    """(N,) int64 in [0, count): the part of each of N images, (N, 48, 48) uint8, with labels (N,) int64.

    persons: (N,) str, "" where unknown; all images of a person go to one part, as copies do.

    Stratified: every family of copies counts for its most frequent label and goes to the part that has the fewest
    images of that label, large families first. The parts follow from the images, their labels and `count` alone,
    whatever the order of the images.
    """
    family, digest = image_families(images), digests(images)
    if persons is not None:
        family = joined_groups(family, persons)
    order = np.lexsort([digest, family])
    members = np.split(order, np.flatnonzero(np.diff(family[order])) + 1)
    classes = labels.max() + 1
    ranked = sorted(members, key=lambda rows: (-len(rows), digest[rows[0]]))
    size = np.zeros((count, classes), dtype=np.int64)
    part = np.empty(len(images), dtype=np.int64)
    for rows in ranked:
        label = np.bincount(labels[rows], minlength=classes).argmax()
        chosen = np.lexsort([size.sum(1), size[:, label]])[0]
        part[rows] = chosen
        size[chosen] += np.bincount(labels[rows], minlength=classes)
    return part


def image_families(images: np.ndarray) -> np.ndarray:
    """(N,) int64: images with the same number are exact or near copies of each other, directly or through others."""
    number = copies(images)
    _, first = np.unique(number, return_index=True)
    family, _ = linked_groups(cached_near_pairs(images[first]), len(first))
    return family[number]


def digests(images: np.ndarray) -> np.ndarray:
    """(N,) uint64: sorting by them is a fixed pseudorandom order of the images, whatever source they come from."""
    hashes = b"".join(hashlib.blake2b(image.tobytes(), digest_size=8).digest() for image in images)
    return np.frombuffer(hashes, dtype=">u8").astype(np.uint64)
