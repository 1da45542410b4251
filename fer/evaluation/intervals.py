"""Confidence intervals and tests: Wilson, bootstrap, McNemar, Holm. The sample is the images, not the seeds."""

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0

Interval = tuple[float, float]
"""The lower and the upper end."""


def wilson(hits: int, images: int, level: float = LEVEL) -> Interval:
    """Returns the score interval (Wilson 1927) of the share hits / images; (0, 1) for no images."""
    if not images:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = hits / images
    centre = (share + z**2 / (2 * images)) / (1 + z**2 / images)
    half_width = z / (1 + z**2 / images) * (share * (1 - share) / images + z**2 / (4 * images**2)) ** 0.5
    low, high = max(0.0, centre - half_width), min(1.0, centre + half_width)
    return min(share, low), max(share, high)  # exactly 0 or 1 for such shares, despite rounding


def bootstrap(
    counts: np.ndarray,
    statistic: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, Interval]:
    """Returns percentile intervals (Efron 1979) of the values that `statistic` computes from counts of images in cells.

    The statistic depends on counts only, so drawing N images with replacement is one multinomial draw over the cells.
    `statistic` maps (resamples, *counts.shape) to arrays (resamples,) by name; NaN is ignored.
    """
    counts = np.asarray(counts)
    shares = counts.ravel() / counts.sum()
    drawn = np.random.default_rng(seed).multinomial(counts.sum(), shares, size=resamples)
    values = statistic(drawn.reshape(resamples, *counts.shape))
    intervals = {}
    for name, value in values.items():
        low, high = np.nanpercentile(value, (50 * (1 - level), 50 * (1 + level))).tolist()
        intervals[name] = low, high
    return intervals


def paired_counts(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Returns (4,) counts from (N,) bool hits of A and B: both right, only A, only B, neither."""
    return np.array([(a & b).sum(), (a & ~b).sum(), (~a & b).sum(), (~a & ~b).sum()])


def paired_bootstrap(counts: np.ndarray, **options: Any) -> Interval:
    """Returns the interval of the accuracy of A less that of B, from `paired_counts`; options: of `bootstrap`."""
    return bootstrap(counts, lambda resamples: {"difference": difference(resamples)}, **options)["difference"]


def difference(counts: np.ndarray) -> np.ndarray:
    """Returns the accuracy of A less that of B, from (…, 4) `paired_counts`."""
    return (counts[..., 1] - counts[..., 2]) / counts.sum(-1)


def mcnemar(only_a: int, only_b: int) -> float:
    """Returns the p value of the exact two-sided McNemar test (1947) of equal accuracy.

    only_a, only_b: images that only A, or only B, classified correctly; without any p is 1.
    """
    if not only_a + only_b:
        return 1.0
    from scipy.stats import binomtest  # takes seconds to import

    return float(binomtest(only_a, only_a + only_b).pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Returns p values adjusted for multiple tests (Holm 1979), in the given order."""
    p = np.asarray(values, dtype=float)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted.tolist()
