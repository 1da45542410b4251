"""Metrics of a classifier during training, all from one confusion matrix."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torchmetrics import MetricCollection, SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix

from fer.confusion import averages, per_class


def metric_collection(num_classes: int) -> MetricCollection:
    """Running sum of the images' losses and confusion matrix; both stay on the device until they are computed.

    A sum and not MeanMetric, which ignores weights where its NaN check, a synchronisation a step, is switched off.
    """
    return MetricCollection(
        {
            "loss": SumMetric(nan_strategy="disable"),
            "confusion": MulticlassConfusionMatrix(num_classes, validate_args=False),
        },
        compute_groups=False,
    )


def figures(confusion: Tensor | np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1 and accuracy/<class> (recall) of a (C, C) count matrix, rows = true.

    Shares in [0, 1] by the rules of `fer.confusion.averages`; a class without images has no accuracy.
    """
    counts = np.asarray(confusion.cpu() if isinstance(confusion, Tensor) else confusion)
    shares = {f"accuracy/{name}": share for name, share in zip(classes, per_class(counts)["recall"], strict=True)}
    return {name: float(share) for name, share in (averages(counts) | shares).items() if not np.isnan(share)}
