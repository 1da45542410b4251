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
    """What `audit` found.

    figures, numbers of images or groups: test_in_train, test_in_train_or_val, val_in_train (pixel-identical to an image
    there); groups (of identical images), conflicting (groups of them with several labels), blank (images of one grey
    level). Near copies: near_pairs (of images that are not identical), near_groups, near_conflicting, and
    near_test_in_train, … (with a near copy there, but none that is identical: the leak is the sum of both).

    groups, one row for each image that has a copy: group (from 1; no image is in two), kind ("exact" where all images
    of the group are identical, or else "near"), split, id, label (as given), how (what was done to the first image of
    the group to get this one: "same", "mirrored, shifted (1, -2)", …, "" for the first itself), similarity (1 to 0.9,
    see `fer.data.near`; of the weakest link where others lie between it and the first), row (index into the arrays).
    """

    figures: dict[str, int]
    groups: pd.DataFrame


def copies(images: np.ndarray) -> np.ndarray:
    """(N, H, W) uint8 -> (N,) int64: rows with the same number hold pixel-identical images."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest() for image in images)
    return np.fromiter((seen.setdefault(digest, len(seen)) for digest in digests), dtype=np.int64, count=len(images))


def seen(train: np.ndarray, others: np.ndarray, near: bool) -> np.ndarray:
    """(M,) bool: which of (M, 48, 48) uint8 images are pixel-identical to one of `train`, or near copies if `near`."""
    images, count = np.concatenate([train, others]), len(train)
    number = copies(images)
    found = np.isin(number, number[:count])
    if near:
        from fer.data.near import known_pairs

        pairs = known_pairs(images)
        for one, other in ((pairs.first, pairs.second), (pairs.second, pairs.first)):
            found[one[other < count]] = True
    return found[count:]


def audit(images: np.ndarray, labels: np.ndarray, splits: np.ndarray, ids: np.ndarray, near: bool = True) -> Audit:
    """Looks for copies in (N, 48, 48) uint8 images with (N,) int64 labels (-1: none), splits and unique ids.

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
        from fer.data.families import families
        from fer.data.near import known_pairs

        _, rows = np.unique(number, return_index=True)
        pairs = known_pairs(images[rows])
        first, changes = families(pairs, len(rows))
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
    """For each of LEAKS, (N,) bool: images of the one split whose number occurs in the others."""
    return {
        name: (splits == held_out) & np.isin(number, number[np.isin(splits, seen)])
        for name, (held_out, seen) in LEAKS.items()
    }


def conflicting(number: np.ndarray, labels: np.ndarray) -> int:
    """How many numbers come with more than one label."""
    labels = pd.Series(labels)
    return int((labels.where(labels >= 0).groupby(number).nunique() > 1).sum())


def in_groups(table: pd.DataFrame, number: np.ndarray, family: np.ndarray, changes: Mapping[int, Any]) -> pd.DataFrame:
    """The rows of `table` whose family has several, one family after the other, with the other columns of `Audit`."""
    table = table.assign(number=number, family=family).sort_values("family", kind="stable")
    families = table.groupby("family")["number"]
    table = table.assign(kind=np.where(families.transform("nunique") > 1, "near", "exact"))
    table = table[families.transform("size") > 1]
    first = ~table["family"].duplicated()
    return table.assign(
        group=pd.factorize(table["family"])[0] + 1,
        how=[
            "" if alone else "same" if number == family else changes[number].words()
            for alone, number, family in zip(first, table["number"], table["family"], strict=True)
        ],
        similarity=[
            round(float(changes[number].similarity), 4) if number in changes else 1.0 for number in table["number"]
        ],
    ).reset_index(drop=True)[COLUMNS]
