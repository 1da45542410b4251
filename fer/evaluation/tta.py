"""Test-time augmentation: logits averaged over several views of each face."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.gathering import gathered
from fer.views import TTA


def predict(classifier: Classifier, split: Split, tta: str = "none", batch_size: int = 128) -> Tensor:
    """Returns float32 logits (N, C) on the CPU, in the order of the split: means over the views of `fer.views`.

    tta: one of `fer.views.TTA`, whatever the classifier itself is set to; windows are cut as the classifier says. Runs
    on the classifier's device without autocast, with at most `batch_size` images at a time. Raises UserError for
    another name.
    """
    if tta not in TTA:
        raise UserError(f"tta: no '{tta}'; there are {', '.join(TTA)}")
    return gathered(_logits(classifier, split.images.split(batch_size), tta), len(split.images))


def _logits(classifier: Classifier, batches: Sequence[Tensor], tta: str) -> Iterator[Tensor]:
    for faces in batches:
        with evaluating(classifier), torch.inference_mode():
            logits = classifier.mean_logits(faces.to(classifier.device), tta).cpu()
        yield logits


@contextmanager
def evaluating(classifier: Classifier) -> Iterator[None]:
    """Evaluation mode without autocast; afterwards every module is in the mode that it was in."""
    modes: dict[nn.Module, bool] = {module: module.training for module in classifier.modules()}
    try:
        with torch.autocast(classifier.device.type, enabled=False):
            classifier.eval()
            yield
    finally:
        for module, training in modes.items():
            module.training = training
