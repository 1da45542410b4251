"""Imports OpenCV on demand, with a one-line error if it is missing or too new."""

import os

from fer.errors import UserError

INSTALL = "pip install 'fer-lightning[photos]'"


def opencv():
    """Returns the module cv2. Raises UserError if it is missing or has no cascades (5.0 has none)."""
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    try:
        import cv2
    except ModuleNotFoundError:
        raise UserError(f"OpenCV, which detects faces and reads cameras, is not installed: {INSTALL}") from None
    if not hasattr(cv2, "CascadeClassifier"):
        raise UserError(f"OpenCV {cv2.__version__} has no face cascades; OpenCV 4.10 or a later 4 has them: {INSTALL}")
    return cv2
