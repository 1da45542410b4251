"""Detects faces, and computes the square crop around each as in FER2013."""

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
"""(H, W) uint8 grey picture -> boxes of the faces, from left to right. May be called from several threads."""

MARGIN = 1.0
"""Side of the square crop, in sides of the detected box. FER2013's faces were cropped with an OpenCV cascade too. If
they are pasted into scenes and detected again, their side is 1.04 times the box's (median) and accuracy falls on both
sides of 1.0: see experiments/faces_in_scenes."""

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

    def __init__(self):
        self.cv2, self.divisor = opencv(), MIN_FACE_DIVISOR
        self.local = threading.local()  # a cascade has state, so each thread has its own

    def __call__(self, grey: np.ndarray) -> list[Box]:
        small, scale = shrink(self.cv2, grey)
        least = max(24, int(min(small.shape) // self.divisor))
        for step, hits in self.PASSES:
            boxes = self._cascade().detectMultiScale(small, step, hits, minSize=(least, least))
            if len(boxes):
                return [scale_box(box, scale, grey.shape) for box in sorted(boxes.tolist())]
        return []

    def _cascade(self):
        if not hasattr(self.local, "cascade"):
            path = Path(self.cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"
            self.local.cascade = self.cv2.CascadeClassifier(str(path))
        return self.local.cascade


class YuNet:
    """YuNet face detector (Wu et al. 2023, doi:10.1007/s11633-023-1423-y), from the user's copy of its ONNX file.

    It also detects turned, tilted and partly hidden faces. Its boxes are higher than wide; the crop has their height.
    Raises UserError if the file is missing or is no YuNet model.
    """

    MIN_SCORE = 0.7

    def __init__(self, model: Path):
        self.cv2, self.model, self.local = opencv(), model, threading.local()
        if not model.is_file():
            raise UserError(f"no such file: {model}; OpenCV's model zoo has it as face_detection_yunet_2023mar.onnx")
        try:
            self._network((320, 320))
        except self.cv2.error as error:
            raise UserError(f"{model}: no YuNet face detector that OpenCV can load") from error

    def __call__(self, grey: np.ndarray) -> list[Box]:
        small, scale = shrink(self.cv2, grey)
        _, rows = self._network(small.shape[::-1]).detect(self.cv2.cvtColor(small, self.cv2.COLOR_GRAY2BGR))
        if rows is None:
            return []
        return [scale_box(row[:4], scale, grey.shape) for row in sorted(rows.tolist())]

    def _network(self, size: tuple[int, int]):
        if not hasattr(self.local, "network"):
            self.local.network = self.cv2.FaceDetectorYN.create(str(self.model), "", size, self.MIN_SCORE)
        self.local.network.setInputSize(size)
        return self.local.network


def shrink(cv2, grey: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns a copy with sides of at most MAX_SIDE, and the original's size divided by the copy's."""
    scale = max(grey.shape) / MAX_SIDE
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


def square(box: Box, margin: float, width: int, height: int) -> Region:
    """Returns the square crop around the centre of a box; its side is `margin` times the box's longer side.

    At the edges the square is moved, and in a smaller picture shrunk, until it lies inside.
    """
    left, top, w, h = box
    side = max(1, round(min(max(w, h) * margin, width, height)))
    x, y = round(left + (w - side) / 2), round(top + (h - side) / 2)
    x, y = min(max(x, 0), width - side), min(max(y, 0), height - side)
    return x, y, x + side, y + side


def shared_area(first: Box, second: Box) -> int:
    """Returns the area of the intersection of two boxes, 0 if they only touch."""
    width = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    height = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    return max(width, 0) * max(height, 0)
