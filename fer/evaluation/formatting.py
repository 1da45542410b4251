"""Titles of metrics and splits, and numbers in words, for the reports on predictions."""

from collections.abc import Mapping, Sequence

import numpy as np

METRIC_TITLES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
FEWEST_IMAGES = 20
"""Sentences of a report draw no conclusion from fewer images."""
SPLIT_TITLES = {"train": "training", "val": "validation", "test": "test", "all": "all images"}


def figure_title(figure: str) -> str:
    """Returns the name of a figure in words: "val/macro_f1" -> "validation macro F1"."""
    split, _, metric = figure.rpartition("/")
    return f"{SPLIT_TITLES.get(split, split)} {METRIC_TITLES.get(metric, metric.replace('_', ' '))}".strip()


def percent(value: float) -> str:
    """0.6439 -> `64.4 %`; a dash for NaN."""
    return "–" if np.isnan(value) else f"{100 * value:.1f} %"


def three_decimals(value: float) -> str:
    """0.64391 -> `0.644`; a dash for NaN."""
    return "–" if np.isnan(value) else f"{value:.3f}"


def interval(estimate: Mapping[str, float]) -> str:
    """Value, low and high in [0, 1] -> `64.4 % (62.8–65.9)`; a dash for NaN."""
    if np.isnan(estimate["value"]):
        return "–"
    return f"{100 * estimate['value']:.1f} % ({100 * estimate['low']:.1f}–{100 * estimate['high']:.1f})"


def percentage_points(estimate: Mapping[str, float]) -> str:
    """Value, low and high in [-1, 1] -> `+1.20 (+0.30 to +2.10)`, in percentage points."""
    value, low, high = (100 * estimate[name] for name in ("value", "low", "high"))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def join_words(words: Sequence[str]) -> str:
    """`a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
