"""Metrics of a classifier during training, all from one confusion matrix."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MetricCollection, SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from fer.confusion import averages, per_class


class Confusion(MulticlassConfusionMatrix):
    """Confusion matrix of class codes, counted without torch.bincount, for which the host waits for a GPU."""

    confmat: Tensor  # (C, C) int64

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Adds (N,) predicted and true class codes, int64."""
        cells = target * self.num_classes + preds
        self.confmat.view(-1).index_add_(0, cells, torch.ones_like(cells))


def metric_collection(num_classes: int) -> MetricCollection:
    """Returns the running sum of the losses and the confusion matrix; both stay on the device until computed.

    The loss is a sum because MeanMetric ignores weights unless its NaN check, which synchronises each step, is on.
    """
    return MetricCollection(
        {
            "loss": SumMetric(nan_strategy="disable"),
            "confusion": Confusion(num_classes, validate_args=False),
        },
        compute_groups=False,
    )


def figures(confusion: Tensor | np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Returns accuracy, balanced_accuracy, macro_f1 and accuracy/<class> (recall) of (C, C) counts, rows = true class.

    Values lie in [0, 1], see `fer.confusion.averages`; classes without images have no accuracy.
    """
    counts = np.asarray(confusion.cpu() if isinstance(confusion, Tensor) else confusion)
    shares = {f"accuracy/{name}": share for name, share in zip(classes, per_class(counts)["recall"], strict=True)}
    return {name: float(share) for name, share in (averages(counts) | shares).items() if not np.isnan(share)}
