"""Crops photographs to the face that is detected in them, as prediction does: the option `data.align`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fer.build import TARGET, build, resolve

DETECTOR = "fer.prediction.detect.Haar"
PREDICTOR = "fer.prediction.predictor.Predictor"
"""Found by their paths, as other parts are: prediction is built on data."""

NOTE = "without a face that the detector finds left out (data.align)"


def code() -> list[str]:
    """Returns the code that detects and crops faces: with it, crops may change."""
    folder = Path(__file__).parents[1] / "prediction"
    return [(folder / name).read_text(encoding="utf-8") for name in ("detect.py", "predictor.py")]


class NoFace(Exception):
    """The detector finds no face in a picture."""


def cropper() -> Callable[[Image.Image], np.ndarray]:
    """Returns a function that maps a picture to the largest face in it, (48, 48) uint8. It raises NoFace without one.

    A picture with sides of at most 64 pixels is a cropped face already. Raises UserError without OpenCV.
    """
    detect = resolve(PREDICTOR)(None, build({TARGET: DETECTOR})).detect

    def crop(picture: Image.Image) -> np.ndarray:
        detection = detect(picture)
        if not len(detection.faces):
            raise NoFace
        areas = [width * height for _, _, width, height in detection.boxes]
        return detection.faces[int(np.argmax(areas))]

    return crop
