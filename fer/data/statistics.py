"""Image statistics: brightness, contrast, sharpness, noise, grey levels, mean faces, sizes."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd

from fer.data.csv_format import SUFFIXES as TABLES
from fer.data.ferplus import Votes
from fer.data.ferplus_rules import CLASSES
from fer.data.files import Files, files_at
from fer.data.places import image_names, places_of
from fer.data.reading import UNLIMITED
from fer.pictures import Unreadable, size_of

CHUNK = 512  # images; what is computed of them stays in the processor's cache
BLANK = 5.0
"""Contrast in grey levels below which nothing can be seen; the palest photographs of FER2013 have more than 9."""


def measures(images: np.ndarray) -> pd.DataFrame:
    """Returns a row for each of (N, H, W) uint8 images, in grey levels:

    brightness: the mean. contrast: the standard deviation. sharpness: the variance of the Laplacian (4 neighbours,
    inside the border; Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy"), in squared levels.
    noise: the standard deviation of white noise that the image could hold at most (Immerkær 1996, "Fast Noise Variance
    Estimation"); fine texture counts as noise.
    """
    starts = range(0, len(images), CHUNK)
    return pd.concat([_measured(images[start : start + CHUNK]) for start in starts], ignore_index=True)


def _measured(images: np.ndarray) -> pd.DataFrame:
    pixels = images.reshape(len(images), -1)
    rows, columns = (np.diff(images.astype(np.int16), n=2, axis=axis) for axis in (1, 2))
    laplacian = (rows[:, :, 1:-1] + columns[:, 1:-1]).astype(np.float32)
    texture = np.abs(np.diff(rows, n=2, axis=2))  # Immerkær's mask is the second difference both ways
    return pd.DataFrame(
        {
            "brightness": pixels.mean(1),
            "contrast": pixels.std(1),
            "sharpness": laplacian.var((1, 2), dtype=np.float64),
            "noise": np.sqrt(np.pi / 2) / 6 * texture.mean((1, 2), dtype=np.float64),
        }
    )


def explained(values: np.ndarray, labels: np.ndarray) -> float:
    """Returns the share of the variance of `values` (N,) that the classes explain beyond chance, in [0, 1].

    It is Kelley's ε² (1935, "An unbiased correlation ratio measure"), 0 where that would be negative.
    """
    groups = [values[labels == label] for label in np.unique(labels)]
    within = sum(((group - group.mean()) ** 2).sum() for group in groups) / max(len(values) - len(groups), 1)
    total = ((values - values.mean()) ** 2).sum() / max(len(values) - 1, 1)
    return max(0.0, 1 - float(within / total)) if total else 0.0


def grey_levels(images: np.ndarray, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns (C, 256) int64: the number of pixels of each class with each grey level. images: (N, H, W) uint8."""
    levels = np.zeros((num_classes, 256), np.int64)
    for label in range(num_classes):
        rows = np.flatnonzero(labels == label)
        for start in range(0, len(rows), CHUNK):
            levels[label] += np.bincount(images[rows[start : start + CHUNK]].ravel(), minlength=256)
    return levels


def pooled(levels: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Returns mean, median, standard deviation, minimum and maximum of the grey levels of each class.

    levels: (C, 256), see `grey_levels`; every class has pixels.
    """
    values, below = np.arange(256), levels.cumsum(1)
    counts = below[:, -1]
    middle = [[np.searchsorted(row, place, "right") for place in ((row[-1] - 1) // 2, row[-1] // 2)] for row in below]
    mean = levels @ values / counts
    return pd.DataFrame(
        {
            "class": list(classes),
            "mean": mean,
            "median": np.mean(middle, axis=1),
            "sd": np.sqrt((levels * (values - mean[:, None]) ** 2).sum(1) / counts),
            "min": (levels > 0).argmax(1),
            "max": 255 - (levels[:, ::-1] > 0).argmax(1),
        }
    )


def mean_faces(images: np.ndarray, labels: np.ndarray, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and standard deviation of each class at each pixel, (C, H, W) float64. images: (N, H, W) uint8."""
    shape = (num_classes, *images.shape[1:])
    total, squares = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for label in range(num_classes):
        rows = np.flatnonzero(labels == label)
        for start in range(0, len(rows), CHUNK):
            chunk = images[rows[start : start + CHUNK]]
            total[label] += chunk.sum(0, dtype=np.int64)
            squares[label] += np.square(chunk, dtype=np.uint16).sum(0, dtype=np.int64)
    counts = np.bincount(labels, minlength=num_classes).reshape(-1, 1, 1)
    mean = total / counts
    return mean, np.sqrt(np.maximum(squares / counts - mean**2, 0))


def distances(means: np.ndarray) -> np.ndarray:
    """Returns (C, C): the root mean square difference of every two of (C, H, W) mean faces, in grey levels."""
    return np.sqrt(((means[:, None] - means[None]) ** 2).mean((2, 3)))


def pictures_at(source: str) -> tuple[Files, list[str]] | None:
    """Returns the files at `source`, a place as in `Faces.sources`, and the names of the pictures among them.

    These are the pictures in class folders or, without any, all. None where it is no place of pictures: what comes
    from a csv or is drawn has 48×48 pixels.
    """
    heads = [source, *(source[: colon.start()] for colon in re.finditer(":", source))]
    place = next((head for head in heads if os.path.exists(head)), None)
    if place is None or source.lower().endswith(TABLES):
        return None
    files, inside = files_at(Path(place), UNLIMITED), source[len(place) + 1 :]  # archive.zip:folder
    below = f"{inside}/" if inside else ""
    names = [name for name in image_names(files) if name.startswith(below)]
    return (files, list(places_of(files, names)) or names) if names else None


def picture_sizes(places: Sequence[tuple[Files, list[str]]]) -> pd.DataFrame:
    """Returns the number of pictures of each width, height and aspect ratio at `places`, the most frequent first.

    Sizes are those stored, before any turn that a camera asks for. Only headers are decoded; what is no picture is
    left out.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for files, names in places:
        for name, data in files.read(names):
            with suppress(Unreadable):  # the reader skipped it as it was told to
                sizes[size_of(data, name)] += 1
    rows = [(*size, round(size[0] / size[1], 2), count) for size, count in sizes.most_common()]
    return pd.DataFrame(rows, columns=["width", "height", "aspect", "pictures"])


def plurality(counts: np.ndarray) -> np.ndarray:
    """Returns (N,): the emotion with more votes than any other answer; 8, the number of emotions, without one.

    counts: (N, 10) votes of FER+.
    """
    leads = counts == counts.max(1, keepdims=True)
    return np.where(leads.sum(1) == 1, np.minimum(counts.argmax(1), len(CLASSES)), len(CLASSES))


def votes_of(ids: np.ndarray, votes: Votes) -> np.ndarray | None:
    """Returns the votes (N, 10) for the rows of fer2013.csv in `ids`; None where Usages or numbers do not fit."""
    usage, _, number = np.char.rpartition(ids, "_").T
    if not np.char.isdigit(number).all():
        return None
    rows = number.astype(np.int64)
    fits = rows.max() < len(votes.usage) and (votes.usage[rows] == usage).all()
    return votes.counts[rows] if fits else None
