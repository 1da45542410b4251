"""Joins pairs of near duplicates into groups, and describes how each member was changed."""

from collections import deque
from typing import NamedTuple

import numpy as np

from fer.data.near_duplicates import Pairs


class Change(NamedTuple):
    """The change from one image to another, with the fields of `Pairs`."""

    similarity: float
    zoom: np.ndarray
    move: np.ndarray
    brighter: float
    contrast: float

    def inverse(self) -> "Change":
        return Change(self.similarity, 1 / self.zoom, -self.move / self.zoom, -self.brighter, 1 / self.contrast)

    def then(self, other: "Change") -> "Change":
        """Returns this change followed by `other`, as similar as the less similar of the two."""
        return Change(
            min(self.similarity, other.similarity),
            other.zoom * self.zoom,
            other.zoom * self.move + other.move,
            self.brighter + other.brighter,
            self.contrast * other.contrast,
        )

    def words(self) -> str:
        """Returns words such as "mirrored, shifted (1, -2), brighter"; "recompressed" where nothing stands out."""
        x, y = np.rint(self.move).astype(int)
        percent = round(100 * float(self.zoom[1] - 1))
        words = {
            "mirrored": self.zoom[0] < 0,
            f"shifted ({x}, {y})": x or y,
            f"{'enlarged' if percent > 0 else 'reduced'} {abs(percent)} %": abs(percent) >= 2,
            "brighter" if self.brighter > 0 else "darker": abs(self.brighter) >= 5,
            "more contrast" if self.contrast > 1 else "less contrast": abs(np.log(self.contrast)) > 0.1,
            "retouched": self.similarity < 0.96,
        }
        return ", ".join(word for word, applies in words.items() if applies) or "recompressed"


UNCHANGED = Change(1.0, np.ones(2), np.zeros(2), 0.0, 1.0)


def linked_groups(pairs: Pairs, count: int) -> tuple[np.ndarray, dict[int, Change]]:
    """Joins the images 0 … count - 1 that pairs link, directly or through others.

    Returns the first image of each image's group, (count,) int64, and for images in a pair the change from that first
    image, along as few pairs as possible.
    """
    links: dict[int, list[tuple[int, Change]]] = {}
    for a, b, *fields in zip(*pairs, strict=True):
        links.setdefault(int(a), []).append((int(b), Change(*fields)))
        links.setdefault(int(b), []).append((int(a), Change(*fields).inverse()))
    first, changes = np.arange(count), {}
    for start in sorted(links):
        if start in changes:
            continue
        changes[start] = UNCHANGED
        queue = deque([start])
        while queue:
            here = queue.popleft()
            for there, change in sorted(links[here], key=lambda link: link[0]):
                if there not in changes:
                    first[there], changes[there] = start, changes[here].then(change)
                    queue.append(there)
    return first, changes
