"""Computes metrics from confusion matrices, one or thousands at once: (…, C, C) counts, rows = true class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def count(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """Returns the (C, C) int64 confusion matrix of (N,) int64 true and predicted classes."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def per_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Returns precision, recall, f1 and support, each (…, C); shares in [0, 1], NaN for 0/0.

    F1 is NaN only for a class that neither occurs nor is predicted.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    support, predicted = confusion.sum(-1), confusion.sum(-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall, f1 = hits / predicted, hits / support, 2 * hits / (support + predicted)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def averages(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Returns accuracy, balanced_accuracy and macro_f1, each (…,), as in scikit-learn.

    A class without images does not count in balanced accuracy, and counts in macro F1 only if it was predicted.
    """
    metrics = per_class(confusion)
    hits, images = np.trace(confusion, axis1=-2, axis2=-1), metrics["support"].sum(-1)
    return {
        "accuracy": hits / images,
        "balanced_accuracy": np.nanmean(metrics["recall"], -1),
        "macro_f1": np.nanmean(metrics["f1"], -1),
    }


def shares(confusion: np.ndarray) -> np.ndarray:
    """Divides each row by its sum, the images of the true class; zeros for a class without images."""
    return confusion / np.maximum(confusion.sum(-1, keepdims=True), 1)


def mistakes(confusion: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Returns true, predicted, images and share (of the true class) of each confusion, most images first."""
    rows = [
        {"true": classes[true], "predicted": classes[predicted], "images": int(images), "share": share}
        for (true, predicted), images, share in zip(
            np.ndindex(confusion.shape), confusion.ravel(), shares(confusion).ravel(), strict=True
        )
        if images and true != predicted
    ]
    table = pd.DataFrame(rows, columns=["true", "predicted", "images", "share"])
    return table.sort_values("images", ascending=False, kind="stable", ignore_index=True)
