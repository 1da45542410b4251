"""Detects faces, and frames each in a square as FER2013 does."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fer.errors import UserError
from fer.prediction.opencv import opencv

Box = tuple[int, int, int, int]
"""left, top, width, height in pixels of the upright picture."""

Region = tuple[int, int, int, int]
"""left, top, right, bottom in the same pixels, as Pillow crops."""

Detector = Callable[[np.ndarray], list[Box]]
"""(H, W) uint8 grey picture -> faces, the leftmost first. May be called from several threads."""

MARGIN = 1.0
"""Side of the square that the network sees, in sides of the box that the cascade finds. FER2013's faces were cropped
with an OpenCV cascade too: pasted into scenes and found again, their frame is 1.04 times the box (median), and
accuracy falls on both sides of 1.0: `python -m fer.prediction.scenes` measures it."""

LONGEST = 1024
"""Larger pictures are searched in a copy with sides of at most so many pixels."""
SMALLEST = 25
"""Faces smaller than this part of the shorter side are not searched: 1/25."""
TINY = 64
"""A picture no larger than this in either direction is taken for a face already: nothing can be found around it."""


class Haar:
    """Viola–Jones cascade for frontal faces that ships with OpenCV (Lienhart & Maydt 2002).

    Two passes, each (step between sizes, hits that must overlap): the coarse one takes half the time, the fine one,
    where the coarse one found nothing, recovers one face in ten more. On 250 FER2013 faces in scenes and 27 pictures
    without a face they found 60 and 72 % of the faces, and nothing in the others; with 3 in place of 5 and 4 hits,
    68 and 74 %, and a face in a coin, a flower and a motorcycle.
    """

    PASSES = ((1.2, 5), (1.1, 4))

    def __init__(self):
        self.cv2 = opencv()
        self.own = threading.local()  # a cascade keeps what it is at work on, so each thread has one

    def __call__(self, grey: np.ndarray) -> list[Box]:
        small, scale = shrunk(self.cv2, grey)
        least = max(24, min(small.shape) // SMALLEST)
        for step, hits in self.PASSES:
            found = self._cascade().detectMultiScale(small, step, hits, minSize=(least, least))
            if len(found):
                return [inside(box, scale, grey.shape) for box in sorted(found.tolist())]
        return []

    def _cascade(self):
        if not hasattr(self.own, "cascade"):
            path = Path(self.cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"
            self.own.cascade = self.cv2.CascadeClassifier(str(path))
        return self.own.cascade


class YuNet:
    """The network of Wu et al. 2023 (doi:10.1007/s11633-023-1423-y), from the user's own copy of its ONNX file.

    It finds turned, tilted and half hidden faces as well. Its boxes are higher than wide; the square around one has
    their height.
    """

    SURE = 0.7

    def __init__(self, model: Path):
        self.cv2, self.model, self.own = opencv(), model, threading.local()
        if not model.is_file():
            raise UserError(f"no such file: {model}; OpenCV's model zoo has it as face_detection_yunet_2023mar.onnx")
        try:
            self._network((320, 320))
        except self.cv2.error as error:
            raise UserError(f"{model}: no YuNet face detector that OpenCV can load") from error

    def __call__(self, grey: np.ndarray) -> list[Box]:
        small, scale = shrunk(self.cv2, grey)
        _, found = self._network(small.shape[::-1]).detect(self.cv2.cvtColor(small, self.cv2.COLOR_GRAY2BGR))
        return [inside(row[:4], scale, grey.shape) for row in sorted(found.tolist())] if found is not None else []

    def _network(self, size: tuple[int, int]):
        if not hasattr(self.own, "network"):
            self.own.network = self.cv2.FaceDetectorYN.create(str(self.model), "", size, self.SURE)
        self.own.network.setInputSize(size)
        return self.own.network


def shrunk(cv2, grey: np.ndarray) -> tuple[np.ndarray, float]:
    """A copy with sides of at most LONGEST, and how many pixels of the original one of its pixels is."""
    scale = max(grey.shape) / LONGEST
    if scale <= 1:
        return grey, 1.0
    height, width = (max(1, round(side / scale)) for side in grey.shape)
    return cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), scale


def inside(box, scale: float, shape: tuple[int, int]) -> Box:
    """A box of the searched copy in whole pixels of the picture, nowhere beyond its edges."""
    left, top, width, height = box
    right, bottom = min(round((left + width) * scale), shape[1]), min(round((top + height) * scale), shape[0])
    left, top = max(round(left * scale), 0), max(round(top * scale), 0)
    return left, top, right - left, bottom - top


def square(box: Box, margin: float, width: int, height: int) -> Region:
    """The square around the middle of a box, `margin` times its longer side, moved and if need be shrunk until it
    lies inside the picture."""
    left, top, w, h = box
    side = max(1, round(min(max(w, h) * margin, width, height)))
    x, y = round(left + (w - side) / 2), round(top + (h - side) / 2)
    x, y = min(max(x, 0), width - side), min(max(y, 0), height - side)
    return x, y, x + side, y + side
