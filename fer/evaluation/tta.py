"""Test-time augmentation: logits averaged over several views of each face."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.v2.functional import five_crop

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.gathering import gathered

CROP = 44
"""Side in pixels of the windows of `tencrop`. Published ten-crop tests on FER2013 cut 44 of 48 (a VGG19) or 40 of 48
(another VGG), by networks trained on such windows. A window is scaled back to the size of the face, which suits heads
that take one size only; so 44 enlarges a face by 9 %, 40 by 20 %. The smaller change is the one that a network trained
on whole faces bears better: one trained without augmentation (experiment=two_convs, seed 0) recognises 56.9 % of
PublicTest plainly, 57.2 % with `flip`, 52.7 % with windows of 44, 46.1 % with 40."""


def whole(faces: Tensor) -> Iterator[Tensor]:
    yield faces


def flip(faces: Tensor) -> Iterator[Tensor]:
    """The faces and their mirror images."""
    yield faces
    yield faces.flip(-1)


def tencrop(faces: Tensor) -> Iterator[Tensor]:
    """Windows at the four corners and in the centre, scaled back bilinearly, each with its mirror image."""
    pixels = faces / 255
    for window in five_crop(pixels, [CROP, CROP]):
        yield from flip(F.interpolate(window, size=faces.shape[-2:], mode="bilinear"))


VIEWS: dict[str, Callable[[Tensor], Iterator[Tensor]]] = {"none": whole, "flip": flip, "tencrop": tencrop}


def predict(classifier: Classifier, split: Split, tta: str = "none", batch_size: int = 128) -> Tensor:
    """Float32 logits (N, C) on the CPU, in the order of the split: the mean over the views that `tta` names.

    "none", "flip" or "tencrop", whatever the classifier itself was set to. Runs on the classifier's device without
    autocast, as in evaluation; at no time more than `batch_size` images are on it. Raises UserError for another name.
    """
    if tta not in VIEWS:
        raise UserError(f"tta: no '{tta}'; there are {', '.join(VIEWS)}")
    return gathered(_logits(classifier, split.images.split(batch_size), VIEWS[tta]), len(split.images))


def _logits(
    classifier: Classifier, batches: Sequence[Tensor], views: Callable[[Tensor], Iterator[Tensor]]
) -> Iterator[Tensor]:
    for faces in batches:
        with evaluating(classifier), torch.inference_mode():
            logits = _mean(classifier(view) for view in views(faces.to(classifier.device))).cpu()
        yield logits


def _mean(logits: Iterator[Tensor]) -> Tensor:
    return torch.stack([each.float() for each in logits]).mean(0)


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
