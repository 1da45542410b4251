"""Tracks faces over the frames of a video by overlap, and smooths their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer.prediction.detect import Box

OVERLAP = 0.3
"""Boxes of one face in two frames share at least this part of what both cover."""
PATIENCE = 1.0
"""Seconds for which a face may be lost and still be the same one."""
SETTLING = 0.4
"""Seconds after which a new expression makes up 63 % of what is shown, at any frame rate."""


@dataclass
class Track:
    number: int
    box: Box
    probabilities: np.ndarray  # (C,)
    seen: float  # seconds


class Tracker:
    """Call it with each frame in turn."""

    def __init__(self):
        self.tracks: list[Track] = []
        self.count = 0

    def __call__(self, boxes: Sequence[Box], probabilities: np.ndarray, seconds: float) -> list[Track]:
        """The track of each box, with the smoothed probabilities. (n, C) `probabilities`; seconds never fall."""
        self.tracks = [track for track in self.tracks if seconds - track.seen <= PATIENCE]
        matched = match([track.box for track in self.tracks], boxes)
        found = []
        for index, (box, row) in enumerate(zip(boxes, probabilities, strict=True)):
            if index in matched:
                track = self.tracks[matched[index]]
                kept = np.exp(-(seconds - track.seen) / SETTLING)
                track.probabilities = kept * track.probabilities + (1 - kept) * row
                track.box, track.seen = box, seconds
            else:
                self.count += 1
                track = Track(self.count, box, row, seconds)
            found.append(track)
        self.tracks += [track for track in found if track not in self.tracks]
        return found


def match(before: Sequence[Box], now: Sequence[Box]) -> dict[int, int]:
    """Index in `now` -> index in `before`, pairs of the greatest overlap first, each box in one pair at most."""
    pairs = [(overlap(old, new), i, j) for i, old in enumerate(before) for j, new in enumerate(now)]
    matched: dict[int, int] = {}
    for share, i, j in sorted(pairs, reverse=True):
        if share >= OVERLAP and j not in matched and i not in matched.values():
            matched[j] = i
    return matched


def overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared) if shared else 0.0
