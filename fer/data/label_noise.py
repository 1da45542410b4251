"""Ranks images by how strongly out-of-sample predictions contradict their labels: confident learning.

Northcutt, Jiang & Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", JAIR 70,
arXiv:1911.00068.
"""

import numpy as np


def suspicious(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the rows whose label is probably wrong, the most suspicious first, their likely classes and margins.

    labels: (N,) int64. probabilities: (N, C), each row by a model that was not trained on the image. An image counts
    as a confident example of class c if its probability of c is at least the mean probability of c over the images
    labelled c; of several such classes the most probable one is taken. Rows whose class of this kind differs from the
    label are returned, in ascending order of the margin p(label) - p(class), which lies in [-1, 1].
    """
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=probabilities.shape[1])
    thresholds = np.divide(sums, counts, out=np.full(len(counts), np.inf), where=counts > 0)
    confident = np.where(probabilities >= thresholds, probabilities, -1.0)
    likely = confident.argmax(1)
    rows = np.flatnonzero((confident.max(1) >= 0) & (likely != labels))
    margin = own[rows] - probabilities[rows, likely[rows]]
    order = np.argsort(margin, kind="stable")
    return rows[order], likely[rows[order]], margin[order]
