"""Tracks faces over the frames of a video by overlap and smooths their probabilities."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fer.prediction.detect import Box, shared_area

MIN_OVERLAP = 0.3
"""Least intersection over union of the boxes of a face in two frames."""
MAX_GAP = 1.0
"""Seconds after which a lost face gets a new number."""
TIME_CONSTANT = 0.4
"""Time constant of the exponential smoothing in seconds: after it a new expression has a weight of 63 %."""


@dataclass
class Track:
    number: int
    box: Box
    probabilities: np.ndarray  # (C,)
    last_seen: float  # seconds


class Tracker:
    """Assigns faces to tracks; called once for each frame in order."""

    def __init__(self):
        self.tracks: list[Track] = []
        self.count = 0

    def __call__(self, boxes: Sequence[Box], probabilities: np.ndarray, seconds: float) -> list[Track]:
        """Returns the track of each box, with its smoothed probabilities.

        probabilities: (n, C), a row for each box; seconds: time of the frame, never less than before.
        """
        self.tracks = [track for track in self.tracks if seconds - track.last_seen <= MAX_GAP]
        matched = match([track.box for track in self.tracks], boxes)
        tracks = []
        for index, (box, row) in enumerate(zip(boxes, probabilities, strict=True)):
            if index in matched:
                track = self.tracks[matched[index]]
                weight = np.exp(-(seconds - track.last_seen) / TIME_CONSTANT)
                track.probabilities = weight * track.probabilities + (1 - weight) * row
                track.box, track.last_seen = box, seconds
            else:
                self.count += 1
                track = Track(self.count, box, row, seconds)
            tracks.append(track)
        self.tracks += [track for track in tracks if track not in self.tracks]
        return tracks


def match(before: Sequence[Box], now: Sequence[Box]) -> dict[int, int]:
    """Returns index in `now` -> index in `before`; pairs with the largest overlap first, each box in one pair."""
    pairs = [(overlap(old, new), i, j) for i, old in enumerate(before) for j, new in enumerate(now)]
    matched: dict[int, int] = {}
    for share, i, j in sorted(pairs, reverse=True):
        if share >= MIN_OVERLAP and j not in matched and i not in matched.values():
            matched[j] = i
    return matched


def overlap(a: Box, b: Box) -> float:
    """Returns the intersection over union of two boxes."""
    shared = shared_area(a, b)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared) if shared else 0.0
