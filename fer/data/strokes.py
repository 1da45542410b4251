"""Shapes of drawn faces: hills, ramps, distances, paint on a picture."""

import numpy as np


def over(image: np.ndarray | float, tone, alpha) -> np.ndarray:
    """Returns the picture with `tone` painted over it. alpha: opacity, 0 to 1."""
    return image + alpha * (tone - image)


def bump(x, y=0.0) -> np.ndarray:
    """Returns a smooth hill: 1 at the origin, 0 at a distance of 1 and beyond."""
    return np.square(np.maximum(1 - np.square(x) - np.square(y), 0))


def ramp(x) -> np.ndarray:
    return np.clip(x, 0, 1)


def length(x, y) -> np.ndarray:
    return np.sqrt(np.square(x) + np.square(y))  # np.hypot is the C library's: not the same everywhere
