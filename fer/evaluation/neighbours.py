"""Shows the most confident mistakes, each beside the training faces closest to it in feature space."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.gathering import gathered
from fer.evaluation.tta import evaluating
from fer.plots.neighbours import Row, neighbour_sheet

NEIGHBOURS = 4


def mistakes(classifier: Classifier, train: Split, shown: Split, logits: Tensor, most: int = 12) -> Figure:
    """The `most` faces of `shown` with the highest probability on a wrong class, each with its nearest in `train`.

    logits: (N, C), those of `shown`. Likeness is the cosine of penultimate features; a training picture with the very
    same pixels is called the same picture.
    """
    probabilities, predicted = logits.softmax(1).max(1)
    rows = most_confident_mistakes(logits, shown.labels.cpu())[:most]
    if not len(rows):
        return neighbour_sheet([])
    names, faces = classifier.classes, shown.images[rows.to(shown.images.device)]
    cosines, near = nearest(classifier, train.images, faces, NEIGHBOURS)
    sheet = []
    for face, row, likenesses, others in zip(faces[:, 0].cpu().numpy(), rows, cosines, near, strict=True):
        alike = [_alike(face, train, names, *pair) for pair in zip(likenesses.tolist(), others.tolist(), strict=True)]
        truth = names[shown.labels[row]]
        sheet.append(Row(face, names[predicted[row]], probabilities[row].item(), truth, alike))
    return neighbour_sheet(sheet)


def _alike(
    face: np.ndarray, train: Split, names: Sequence[str], cosine: float, row: int
) -> tuple[np.ndarray, str, str]:
    """A training face, its label, and how like it is to `face`."""
    picture = train.images[row, 0].cpu().numpy()
    return picture, names[train.labels[row]], "same picture" if (picture == face).all() else f"cosine {cosine:.2f}"


def most_confident_mistakes(logits: Tensor, labels: Tensor) -> Tensor:
    """(N, C) logits, (N,) labels -> row numbers of the mistakes, the highest probability first."""
    probabilities, predicted = logits.softmax(1).max(1)
    wrong = (predicted != labels).nonzero()[:, 0]
    return wrong[probabilities[wrong].argsort(descending=True, stable=True)]


def nearest(
    classifier: Classifier, train: Tensor, images: Tensor, count: int, batch_size: int = 128
) -> tuple[Tensor, Tensor]:
    """Cosines (M, count) and rows (M, count) of the `count` most alike of `train` for each of `images`, best first.

    Both are (·, 1, 48, 48) uint8. Features of training faces are made batch by batch and never kept.
    """
    wanted = F.normalize(features(classifier, images, batch_size), dim=1)
    batches = _features(classifier, train, batch_size)
    cosines = gathered((wanted @ F.normalize(batch, dim=1).T for batch in batches), len(train), dim=1)
    return tuple(cosines.topk(min(count, len(train)), dim=1))


def features(classifier: Classifier, images: Tensor, batch_size: int = 128) -> Tensor:
    """(N, 1, 48, 48) uint8 -> (N, F) float32 on the CPU: what the network's last layer sees.

    The last layer is the last linear layer or convolution that a forward pass reaches; an input with positions (that
    of a convolution, say) is averaged over them. Raises UserError for a network with neither.
    """
    return gathered(_features(classifier, images, batch_size), len(images))


def _features(classifier: Classifier, images: Tensor, batch_size: int) -> Iterator[Tensor]:
    reached: list[tuple[nn.Module, Tensor]] = []

    def remember(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        reached[:] = [(layer, inputs[0])]

    layers = [module for module in classifier.model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if not layers:
        raise UserError(f"{type(classifier.model).__name__} has no linear layer and no convolution to take features of")
    hooks = [layer.register_forward_pre_hook(remember) for layer in layers]
    try:
        for batch in images.split(batch_size):
            with evaluating(classifier), torch.inference_mode():
                classifier(batch.to(classifier.device))
                rows = averaged_over_positions(*reached.pop())
            yield rows.float().cpu()
    finally:
        for hook in hooks:
            hook.remove()


def averaged_over_positions(layer: nn.Module, inputs: Tensor) -> Tensor:
    """(B, F) of (B, F, H, W), what a convolution sees, or of (B, …, F), what a linear layer sees."""
    if isinstance(layer, nn.Conv2d):
        return inputs.mean((2, 3))
    return inputs.flatten(1, -2).mean(1) if inputs.ndim > 2 else inputs
