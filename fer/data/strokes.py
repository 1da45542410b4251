"""Shapes of drawn faces: hills, ramps, distances, paint on a picture."""

import numpy as np


def over(image: np.ndarray, tone, alpha) -> np.ndarray:
    """Paint `tone` on the picture as far as alpha, 0 to 1, covers it."""
    return image + alpha * (tone - image)


def bump(x, y=0.0) -> np.ndarray:
    """A smooth hill: 1 at the origin, 0 from radius 1 on."""
    return np.square(np.maximum(1 - np.square(x) - np.square(y), 0))


def ramp(x) -> np.ndarray:
    return np.clip(x, 0, 1)


def length(x, y) -> np.ndarray:
    return np.sqrt(np.square(x) + np.square(y))  # np.hypot is the C library's: not the same everywhere
