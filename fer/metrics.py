"""Figures of a classifier: all of them from one confusion matrix."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import MetricCollection, SumMetric
from torchmetrics.classification import MulticlassConfusionMatrix


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


def figures(confusion: Tensor, classes: Sequence[str]) -> dict[str, float]:
    """Accuracy, balanced accuracy, macro F1 and accuracy/<class> (recall) of a (C, C) count matrix, rows = true.

    Shares in [0, 1]. A class without images has no accuracy and counts neither in balanced accuracy nor, unless it
    was predicted, in macro F1 (as in scikit-learn).
    """
    confusion = confusion.double().cpu()
    hits, support, predicted = confusion.diag(), confusion.sum(1), confusion.sum(0)
    recall = hits / support
    f1 = 2 * hits / (support + predicted)
    there = support > 0
    return {
        "accuracy": (hits.sum() / confusion.sum()).item(),
        "balanced_accuracy": recall[there].mean().item(),
        "macro_f1": f1[there | (predicted > 0)].mean().item(),
        **{f"accuracy/{name}": recall[index].item() for index, name in enumerate(classes) if there[index]},
    }


def confusion_matrix(predicted: Tensor, labels: Tensor, num_classes: int) -> Tensor:
    """(N,) int64 twice -> (C, C) int64 counts, rows = true class."""
    return torch.bincount(labels * num_classes + predicted, minlength=num_classes**2).view(num_classes, num_classes)
