"""ROC and precision–recall curves of one class against the rest."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Points of a curve, each in [0, 1], and the area under it (of precision–recall: the average precision)."""

    x: np.ndarray
    y: np.ndarray
    area: float


def _counts(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives when all images down to each different score are called positive, from none to all."""
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of those with one score
    right = np.cumsum(positive[order])[last]
    return np.append(0, right), np.append(0, last + 1 - right)


def roc(scores: np.ndarray, positive: np.ndarray) -> Curve | None:
    """False against true positive rate of (N,) scores and (N,) bool; None unless both kinds are there."""
    right, wrong = _counts(scores, positive)
    if not right[-1] or not wrong[-1]:
        return None
    x, y = wrong / wrong[-1], right / right[-1]
    return Curve(x, y, float(np.trapezoid(y, x)))


def precision_recall(scores: np.ndarray, positive: np.ndarray) -> Curve | None:
    """Recall against precision and the average precision, not interpolated; None without positives."""
    right, wrong = _counts(scores, positive)
    if not right[-1]:
        return None
    recall = right / right[-1]
    precision = np.append(1.0, right[1:] / (right + wrong)[1:])
    return Curve(recall, precision, float((np.diff(recall) * precision[1:]).sum()))
