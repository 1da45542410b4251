"""Crops faces, and turns tilted ones upright by their eyes."""

import math

import numpy as np
from PIL import Image

from fer.prediction.detect import Region
from fer.prediction.opencv import opencv
from fer.preprocess import to_face

MIN_TILT = 25.0
"""Degrees. Faces that are tilted less are not turned: many of FER2013's faces are tilted as much, and the landmarks of
small or blurred faces are rough. On upright faces in scenes, turning from 12° or 20° on lost accuracy."""


def crop_face(grey: Image.Image, region: Region, tilt: float = 0.0) -> np.ndarray:
    """Returns the (48, 48) uint8 face in a square of a grey picture; tilt: in degrees, see `Location`."""
    if abs(tilt) < MIN_TILT:
        return to_face(grey.crop(region))
    return to_face(Image.fromarray(turned(np.asarray(grey), region, tilt)))


def turned(grey: np.ndarray, region: Region, tilt: float) -> np.ndarray:
    """Returns the square turned about its centre until the eyes are level; pixels beyond the edge repeat it."""
    cv2 = opencv()
    left, top, right, bottom = region
    side, cos, sin = right - left, math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    middle, half = np.array([left + right, top + bottom]) / 2 - 0.5, side / 2 - 0.5
    axes = np.array([[cos, -sin], [sin, cos]])
    matrix = np.column_stack([axes, middle - axes @ (half, half)])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grey, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
