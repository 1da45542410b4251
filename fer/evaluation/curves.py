"""ROC and precision–recall curves of one class against the rest."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Points of a curve, coordinates in [0, 1], and the area under it (average precision for precision–recall)."""

    x: np.ndarray
    y: np.ndarray
    area: float


def roc(scores: np.ndarray, positive: np.ndarray) -> Curve | None:
    """Returns true over false positive rate; None unless both classes occur.

    scores: (N,), higher for the class. positive: (N,) bool, which images belong to it.
    """
    if positive.all() or not positive.any():
        return None
    from sklearn import metrics  # takes seconds to import

    false_positive_rate, true_positive_rate, _ = metrics.roc_curve(positive, scores)
    return Curve(false_positive_rate, true_positive_rate, float(metrics.auc(false_positive_rate, true_positive_rate)))


def precision_recall(scores: np.ndarray, positive: np.ndarray) -> Curve | None:
    """Returns precision over recall and the average precision, not interpolated; None without positives.

    Arguments as in `roc`.
    """
    if not positive.any():
        return None
    from sklearn import metrics  # takes seconds to import

    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    return Curve(recall[::-1], precision[::-1], float(metrics.average_precision_score(positive, scores)))
