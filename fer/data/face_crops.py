"""Crops photographs to the face that is detected in them, as prediction does: the option `data.align`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from fer.build import TARGET, build, resolve

DETECTOR = "fer.prediction.detect.named"
PREDICTOR = "fer.prediction.predictor.Predictor"
"""Found by their paths, as other parts are: prediction is built on data."""

VALUES = (True, False, "haar", "haar-fast", "centerface", "yunet")
"""Of `data.align`: True is "haar", as for fer.predict."""
NOTE = "without a face that the detector finds left out (data.align)"


def code() -> list[str]:
    """Returns the code that detects and crops faces: with it, crops may change."""
    folder = Path(__file__).parents[1] / "prediction"
    names = ("detect.py", "fast_cascade.py", "landmarks.py", "predictor.py", "upright.py")
    return [(folder / name).read_text(encoding="utf-8") for name in names]


class NoFace(Exception):
    """The detector finds no face in a picture."""


def name_of(align: bool | str) -> str:
    """Returns the detector that a value of `data.align` means."""
    return "haar" if align is True else str(align)


def cropper(align: bool | str = True) -> Callable[[Image.Image], np.ndarray]:
    """Returns a function that maps a picture to the largest face in it, (48, 48) uint8. It raises NoFace without one.

    align: one of VALUES but False. A picture with sides of at most 64 pixels is a cropped face already. Raises
    UserError without OpenCV, and without the package of a detector.
    """
    detect = resolve(PREDICTOR)(None, build({TARGET: DETECTOR, "name": name_of(align)})).detect

    def crop(picture: Image.Image) -> np.ndarray:
        detection = detect(picture)
        if not len(detection.faces):
            raise NoFace
        areas = [width * height for _, _, width, height in detection.boxes]
        return detection.faces[int(np.argmax(areas))]

    return crop
