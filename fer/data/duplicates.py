"""Finds exact and near duplicates within and across splits, and what they do to a benchmark."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

SPLITS = ("train", "val", "test")
LEAKS = {
    "test_in_train": ("test", ("train",)),
    "test_in_train_or_val": ("test", ("train", "val")),
    "val_in_train": ("val", ("train",)),
}
COLUMNS = ["group", "kind", "split", "id", "label", "how", "similarity", "row"]


@dataclass(frozen=True)
class Audit:
    """Result of `audit`.

    figures, numbers of images or groups: test_in_train, test_in_train_or_val, val_in_train (pixel-identical to an image
    there); groups (of identical images), conflicting (groups of them with several labels), blank (images of one grey
    level). Near copies: near_pairs (of images that are not identical), near_groups, near_conflicting, and
    near_test_in_train, … (with a near copy there, but none that is identical: the leak is the sum of both).

    groups, one row for each image that has a copy: group (from 1; no image is in two), kind ("exact" where all images
    of the group are identical, or else "near"), split, id, label (as given), how (what was done to the first image of
    the group to get this one: "same", "mirrored, shifted (1, -2)", …, "" for the first itself), similarity (1 to 0.9,
    see `fer.data.near_duplicates`; of the weakest link where others lie between it and the first), row (index into the
    arrays).
    """

    figures: dict[str, int]
    groups: pd.DataFrame


def copies(images: np.ndarray) -> np.ndarray:
    """Numbers (N, H, W) uint8 images by content, (N,) int64: pixel-identical images have the same number."""
    number_of: dict[bytes, int] = {}
    numbers = np.empty(len(images), np.int64)
    for row, image in enumerate(images):
        digest = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
        numbers[row] = number_of.setdefault(digest, len(number_of))
    return numbers


def distinct(images: np.ndarray) -> int:
    """Returns the number of different images among (N, H, W) uint8 ones."""
    return int(copies(images).max(initial=-1)) + 1


def joined_groups(group: np.ndarray, persons: np.ndarray) -> np.ndarray:
    """Returns (N,) int64: images with the same number are linked by their group or person, directly or through others.

    group: (N,) int64. persons: (N,) str, "" where unknown.
    """
    known = persons != ""
    _, person = np.unique(persons[known], return_inverse=True)
    number = group.astype(np.int64)
    while True:
        before = number
        number = _least(number, group)
        number[known] = _least(number[known], person)
        if np.array_equal(number, before):
            return number


def _least(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Returns for each of N values the least in its group."""
    least = np.full(group.max(initial=0) + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, group, values)
    return least[group]


def seen(train: np.ndarray, others: np.ndarray, near: bool) -> np.ndarray:
    """Returns (M,) bool: which of (M, 48, 48) uint8 images are identical to one of `train`, or near copies of one."""
    images, count = np.concatenate([train, others]), len(train)
    number = copies(images)
    is_copy = np.isin(number, number[:count])
    if near:
        from fer.data.near_duplicates import cached_near_pairs

        pairs = cached_near_pairs(images)
        is_copy[pairs.first[pairs.second < count]] = True
        is_copy[pairs.second[pairs.first < count]] = True
    return is_copy[count:]


def audit(images: np.ndarray, labels: np.ndarray, splits: np.ndarray, ids: np.ndarray, near: bool = True) -> Audit:
    """Finds copies among (N, 48, 48) uint8 images with (N,) int64 labels (-1: none), splits and unique ids.

    splits: train, val or test. Without `near` it looks for identical images alone, in a second. The order of the images
    changes nothing but `row`. Raises ValueError for another split.
    """
    splits, ids = np.asarray(splits, dtype=str), np.asarray(ids, dtype=str)
    if unknown := {*splits} - {*SPLITS}:
        raise ValueError(f"expected splits {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}")
    order = np.lexsort([ids, np.array([SPLITS.index(split) for split in splits], dtype=np.int64)])
    images, labels, splits, ids = images[order], np.asarray(labels)[order], splits[order], ids[order]
    number = copies(images)  # counts up, so that lower numbers come earlier in this order
    figures = identical_figures(number, labels, splits)
    figures["blank"] = int((images.min((1, 2)) == images.max((1, 2))).sum())
    family, changes = number, {}
    if near:
        from fer.data.duplicate_groups import linked_groups
        from fer.data.near_duplicates import cached_near_pairs

        _, rows = np.unique(number, return_index=True)
        pairs = cached_near_pairs(images[rows])
        first, changes = linked_groups(pairs, len(rows))
        family = first[number]
        figures |= {"near_pairs": len(pairs.first), **near_figures(family, number, labels, splits)}
    table = pd.DataFrame({"split": splits, "id": ids, "label": labels, "row": order})
    return Audit(figures, in_groups(table, number, family, changes))


def identical_figures(number: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> dict[str, int]:
    figures = {name: int(mask.sum()) for name, mask in leaking(number, splits).items()}
    return figures | {"groups": int((np.bincount(number) > 1).sum()), "conflicting": conflicting(number, labels)}


def near_figures(family: np.ndarray, number: np.ndarray, labels: np.ndarray, splits: np.ndarray) -> dict[str, int]:
    """Of families (N,) of identical or near images, with `number` as from `copies`."""
    members = pd.Series(number).groupby(family).transform("nunique").to_numpy()
    near = members > 1
    figures = {"near_groups": len(np.unique(family[near])), "near_conflicting": conflicting(family[near], labels[near])}
    identical = leaking(number, splits)
    leaks = {name: mask & ~identical[name] for name, mask in leaking(family, splits).items()}
    return figures | {f"near_{name}": int(mask.sum()) for name, mask in leaks.items()}


def leaking(number: np.ndarray, splits: np.ndarray) -> dict[str, np.ndarray]:
    """Returns (N,) bool for each of LEAKS: images of the one split whose number occurs in the others."""
    return {
        name: (splits == held_out) & np.isin(number, number[np.isin(splits, seen)])
        for name, (held_out, seen) in LEAKS.items()
    }


def conflicting(number: np.ndarray, labels: np.ndarray) -> int:
    """Counts the numbers whose images have more than one label."""
    column = pd.Series(labels)
    return int((column.where(column >= 0).groupby(number).nunique() > 1).sum())


def in_groups(table: pd.DataFrame, number: np.ndarray, family: np.ndarray, changes: Mapping[int, Any]) -> pd.DataFrame:
    """Returns the rows of `table` in families of several images, family by family, with the columns of `Audit`."""
    table = table.assign(number=number, family=family).sort_values("family", kind="stable")
    families = table.groupby("family")["number"]
    table = table.assign(kind=np.where(families.transform("nunique") > 1, "near", "exact"))
    table = table[families.transform("size") > 1]
    how, similarity = [], []
    is_first = ~table["family"].duplicated()
    for first, own, oldest in zip(is_first, table["number"], table["family"], strict=True):
        if first:
            how.append("")
        elif own == oldest:
            how.append("same")
        else:
            how.append(changes[own].words())
        similarity.append(round(float(changes[own].similarity), 4) if own in changes else 1.0)
    table = table.assign(group=pd.factorize(table["family"])[0] + 1, how=how, similarity=similarity)
    return table.reset_index(drop=True)[COLUMNS]
