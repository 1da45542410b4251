"""Checks that faces are the complete FER2013, so that results on its splits are comparable."""

import numpy as np

from fer.counting import counted
from fer.data.duplicates import distinct
from fer.data.emotions import EMOTIONS, USAGES, emotion_of
from fer.data.faces import Faces

COUNTS = np.array(
    [
        [3995, 436, 4097, 7215, 4830, 3171, 4965],
        [467, 56, 496, 895, 653, 415, 607],
        [491, 55, 528, 879, 594, 416, 626],
    ]
)
"""Images of each Usage (rows) and emotion (columns) in FER2013."""

DISTINCT = 33_000
"""Different images in FER2013, at least: 34,034 of 35,887 in one copy of the csv; JPEG makes some of them equal."""


def departures(faces: Faces, held_out: Faces | None = None) -> list[str]:
    """Returns how faces, as read, differ from all of FER2013 with its roles; [] where they do not.

    held_out: where validation and test images come from instead. Every face carries a Usage. Pixels are not compared,
    since people store them as JPEG.
    """
    if held_out is None:
        return _sizes(faces.usage) or _emotions(faces.usage, _emotion_codes(faces)) or _repeats(faces.distinct)
    train, held = faces.usage == 0, held_out.usage > 0
    usage = np.concatenate([faces.usage[train], held_out.usage[held]])
    emotion = np.concatenate([_emotion_codes(faces)[train], _emotion_codes(held_out)[held]])
    images = np.concatenate([faces.images[train], held_out.images[held]])
    return _sizes(usage) or _emotions(usage, emotion) or _repeats(distinct(images))


def _emotion_codes(faces: Faces) -> np.ndarray:
    """Returns (N,) int64: index into EMOTIONS of each face, beyond them for other classes."""
    names = [emotion_of(name) for name in faces.classes]
    code = np.array([EMOTIONS.index(name) if name in EMOTIONS else len(EMOTIONS) for name in names])
    return code[faces.labels]


def _sizes(usage: np.ndarray) -> list[str]:
    differences = []
    for role, name in enumerate(USAGES):
        size, expected = int((usage == role).sum()), int(COUNTS[role].sum())
        if size < expected:
            differences.append(f"{expected - size:,} of {expected:,} {name} images missing")
        if size > expected:
            differences.append(f"{counted(size - expected, f'{name} image')} more than {expected:,}")
    return differences


def _emotions(usage: np.ndarray, emotion: np.ndarray) -> list[str]:
    differences = []
    for role, name in enumerate(USAGES):
        counts = np.bincount(emotion[usage == role], minlength=len(EMOTIONS))
        for code, expected in enumerate(COUNTS[role]):
            if counts[code] != expected:
                differences.append(f"{counted(counts[code], f'{name} image')} of {EMOTIONS[code]}, not {expected:,}")
    return differences


def _repeats(count: int) -> list[str]:
    return [] if count >= DISTINCT else [f"only {count:,} different images, so some repeat in place of others"]
