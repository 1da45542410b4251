"""Metrics of a classifier during training: its mean loss, and figures that come from one confusion matrix."""

from collections.abc import Mapping, Sequence

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


class EpochMetrics(MetricCollection):
    """The running sum of the losses of an epoch and its confusion matrix; both stay on the device until computed.

    The loss is a sum because MeanMetric ignores weights unless its NaN check, which synchronises each step, is on.
    """

    def __init__(self, num_classes: int):
        metrics = {
            "loss": SumMetric(nan_strategy="disable"),
            "confusion": Confusion(num_classes, validate_args=False),
        }
        super().__init__(metrics, compute_groups=False)

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Adds a batch: its mean loss, its logits (B, C), its labels (B,) or, for soft ones, (B, C)."""
        self["loss"].update(loss.detach() * len(logits))
        self["confusion"].update(logits.detach().argmax(1), labels if labels.ndim == 1 else labels.argmax(1))

    def results(self) -> tuple[Tensor, Tensor]:
        """Returns the mean loss and the confusion matrix (C, C), over all ranks, and resets them."""
        values = self.compute()
        self.reset()
        confusion = values["confusion"]
        return values["loss"].float() / confusion.sum(), confusion

    def summed_state(self) -> dict[str, dict[str, Tensor]]:
        """Returns a copy of the state, summed over all ranks, for `load`."""
        state = {}
        for name, metric in self.items():
            with metric.sync_context():
                state[name] = {
                    key: value.clone() for key, value in metric.metric_state.items() if isinstance(value, Tensor)
                }
        return state

    def load(self, state: Mapping[str, Mapping[str, Tensor]], device: torch.device) -> None:
        """Goes on from a state of `summed_state`."""
        for name, values in state.items():
            for key, value in values.items():
                setattr(self[name], key, value.to(device))


def figures(confusion: Tensor | np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Returns accuracy, balanced_accuracy, macro_f1 and accuracy/<class> (recall) of (C, C) counts, rows = true class.

    Values lie in [0, 1], see `fer.confusion.averages`; classes without images have no accuracy.
    """
    counts = np.asarray(confusion.cpu() if isinstance(confusion, Tensor) else confusion)
    shares = {f"accuracy/{name}": share for name, share in zip(classes, per_class(counts)["recall"], strict=True)}
    return {name: float(share) for name, share in (averages(counts) | shares).items() if not np.isnan(share)}
