"""Test-time augmentation: logits averaged over several views of each face."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.concatenation import concatenate
from fer.tta import VIEWS


def predict(classifier: Classifier, split: Split, tta: str = "none", batch_size: int = 128) -> Tensor:
    """Returns float32 logits (N, C) on the CPU, in the order of the split: means over the views of `fer.views`.

    tta: a key of `fer.tta.VIEWS`; the classifier's own setting is ignored, except for the size of its crops. Runs on
    the classifier's device without autocast, with at most `batch_size` images at a time. Raises UserError for an
    unknown `tta`.
    """
    if tta not in VIEWS:
        raise UserError(f"tta: no '{tta}'; there are {', '.join(VIEWS)}")
    return concatenate(batch_logits(classifier, split.images.split(batch_size), tta), len(split.images))


def batch_logits(classifier: Classifier, batches: Sequence[Tensor], tta: str) -> Iterator[Tensor]:
    for images in batches:
        with evaluation_mode(classifier), torch.inference_mode():
            logits = classifier.mean_logits(images.to(classifier.device), tta).cpu()
        yield logits


@contextmanager
def evaluation_mode(classifier: Classifier) -> Iterator[None]:
    """Sets evaluation mode without autocast; restores the mode of every module afterwards."""
    modes: dict[nn.Module, bool] = {module: module.training for module in classifier.modules()}
    try:
        with torch.autocast(classifier.device.type, enabled=False):
            classifier.eval()
            yield
    finally:
        for module, training in modes.items():
            module.training = training
