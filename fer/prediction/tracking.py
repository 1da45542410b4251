"""Tracks faces over the frames of a video by overlap and distance, and smooths their probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from fer.prediction.detect import Box, shared_area

MIN_OVERLAP = 0.3
"""Least intersection over union of the boxes of a face in two frames."""
MAX_REACH, MAX_REACH_GAP = 2.0, 0.5
"""A face moves within half a second by at most two sides of its box."""
MAX_GAP, MAX_FRAMES = 2.0, 2
"""Seconds and frames after both of which a lost face gets a new number. Detectors miss a turned or blinking face for
about a second; a slow server answers less than a frame a second."""
TIME_CONSTANT = 0.4
"""Time constant of the exponential smoothing in seconds: after it a new expression has a weight of 63 %."""


@dataclass
class Track:
    number: int
    box: Box
    probabilities: np.ndarray  # (C,)
    last_seen: float  # seconds
    frame: int = 0  # number of the frame in which it was seen last


class Tracker:
    """Assigns faces to tracks; called once for each frame in order."""

    def __init__(self):
        self.tracks: list[Track] = []
        self.count = self.frame = 0

    def __call__(self, boxes: Sequence[Box], probabilities: np.ndarray, seconds: float) -> list[Track]:
        """Returns the track of each box, with its smoothed probabilities.

        probabilities: (n, C), a row for each box; seconds: time of the frame, never less than before.
        """
        self.frame += 1
        self.tracks = [track for track in self.tracks if not self._is_lost(track, seconds)]
        matched = self._match(boxes, seconds)
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
            track.frame = self.frame
            tracks.append(track)
        self.tracks += [track for track in tracks if track not in self.tracks]
        return tracks

    def _is_lost(self, track: Track, seconds: float) -> bool:
        return seconds - track.last_seen > MAX_GAP and self.frame - track.frame > MAX_FRAMES

    def _match(self, boxes: Sequence[Box], seconds: float) -> dict[int, int]:
        """Returns index of a box -> index of its track.

        Boxes that overlap with no track are matched to the nearest track that was lost just now: fast faces, low frame
        rates, and the jump of a film that starts again.
        """
        before = [track.box for track in self.tracks]
        matched = match(before, boxes, overlap, MIN_OVERLAP)
        taken = set(matched.values())
        recent = [i for i, track in enumerate(self.tracks) if seconds - track.last_seen <= MAX_REACH_GAP]
        lost = [i for i in recent if i not in taken]
        new = [j for j in range(len(boxes)) if j not in matched]
        near = match([before[i] for i in lost], [boxes[j] for j in new], closeness, -MAX_REACH)
        return matched | {new[j]: lost[i] for j, i in near.items()}


def match(
    before: Sequence[Box], now: Sequence[Box], likeness: Callable[[Box, Box], float], least: float
) -> dict[int, int]:
    """Returns index in `now` -> index in `before`; the most alike pairs first, each box in one pair."""
    pairs = [(likeness(old, new), i, j) for i, old in enumerate(before) for j, new in enumerate(now)]
    matched: dict[int, int] = {}
    for value, i, j in sorted(pairs, reverse=True):
        if value >= least and j not in matched and i not in matched.values():
            matched[j] = i
    return matched


def closeness(a: Box, b: Box) -> float:
    """Returns minus the distance of the centres of two boxes, in sides of the larger one."""
    across, down = (a[axis] - b[axis] + (a[axis + 2] - b[axis + 2]) / 2 for axis in (0, 1))
    return -hypot(across, down) / max(*a[2:], *b[2:])


def overlap(a: Box, b: Box) -> float:
    """Returns the intersection over union of two boxes."""
    shared = shared_area(a, b)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared) if shared else 0.0
