"""Finds the training faces closest to a face in feature space, and shows them beside the most confident mistakes."""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from fer.classifier import Classifier
from fer.data.datamodule import Split
from fer.errors import UserError
from fer.evaluation.concatenation import concatenate
from fer.evaluation.tta import evaluation_mode
from fer.plots.neighbours import Row, neighbour_sheet

NEIGHBOURS = 4


def mistakes_figure(classifier: Classifier, train: Split, evaluated: Split, logits: Tensor, count: int = 12) -> Figure:
    """Returns a figure of the `count` most confident mistakes, each with its nearest training faces.

    logits: (N, C) of the split `evaluated`. Similarity is the cosine of penultimate features; a training image with
    equal pixels is called the same picture.
    """
    probabilities, predicted = logits.softmax(1).max(1)
    rows = most_confident_mistakes(logits, evaluated.labels.cpu())[:count]
    if not len(rows):
        return neighbour_sheet([])
    names, faces = classifier.classes, evaluated.images[rows.to(evaluated.images.device)]
    cosines, neighbours = nearest(classifier, train.images, faces, NEIGHBOURS)
    sheet = []
    for index, row in enumerate(rows.tolist()):
        face = faces[index, 0].cpu().numpy()
        similar = []
        for cosine, neighbour in zip(cosines[index].tolist(), neighbours[index].tolist(), strict=True):
            image = train.images[neighbour, 0].cpu().numpy()
            similarity = "same picture" if (image == face).all() else f"cosine {cosine:.2f}"
            similar.append((image, names[train.labels[neighbour]], similarity))
        answer, truth = names[predicted[row]], names[evaluated.labels[row]]
        sheet.append(Row(face, answer, probabilities[row].item(), truth, similar))
    return neighbour_sheet(sheet)


def most_confident_mistakes(logits: Tensor, labels: Tensor) -> Tensor:
    """Returns the rows of the mistakes, the highest probability first; logits: (N, C), labels: (N,) int64."""
    probabilities, predicted = logits.softmax(1).max(1)
    wrong = (predicted != labels).nonzero()[:, 0]
    return wrong[probabilities[wrong].argsort(descending=True, stable=True)]


def nearest(
    classifier: Classifier, train: Tensor, images: Tensor, count: int, batch_size: int = 128
) -> tuple[Tensor, Tensor]:
    """Returns cosines and rows, both (M, count), of the `count` most similar faces of `train`, most similar first.

    train, images: (N, 1, 48, 48) and (M, 1, 48, 48) uint8. Features of training faces are computed batch by batch and
    not kept.
    """
    queries = F.normalize(features(classifier, images, batch_size), dim=1)
    batches = batch_features(classifier, train, batch_size)
    cosines = concatenate((queries @ F.normalize(batch, dim=1).T for batch in batches), len(train), dim=1)
    values, rows = cosines.topk(min(count, len(train)), dim=1)
    return values, rows


def features(classifier: Classifier, images: Tensor, batch_size: int = 128) -> Tensor:
    """Returns (N, F) float32 on the CPU, the input of the network's last layer; images: (N, 1, 48, 48) uint8.

    The last layer is the last linear layer or convolution in a forward pass. An input with several positions, such as
    that of a convolution, is averaged over them. Raises UserError for a network with neither.
    """
    return concatenate(batch_features(classifier, images, batch_size), len(images))


def batch_features(classifier: Classifier, images: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Yields the features of each batch; see `features`."""
    calls: list[tuple[nn.Module, Tensor]] = []

    def record(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls[:] = [(layer, inputs[0])]  # the last call only, since inputs are large

    layers = [module for module in classifier.model.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if not layers:
        raise UserError(f"{type(classifier.model).__name__} has no linear layer and no convolution to take features of")
    hooks = [layer.register_forward_pre_hook(record) for layer in layers]
    try:
        for batch in images.split(batch_size):
            with evaluation_mode(classifier), torch.inference_mode():
                classifier(batch.to(classifier.device))
                rows = average_positions(*calls.pop())
            yield rows.float().cpu()
    finally:
        for hook in hooks:
            hook.remove()


def average_positions(layer: nn.Module, inputs: Tensor) -> Tensor:
    """Returns (B, F) from the input of a convolution (B, F, H, W) or of a linear layer (B, …, F)."""
    if isinstance(layer, nn.Conv2d):
        return inputs.mean((2, 3))
    return inputs.flatten(1, -2).mean(1) if inputs.ndim > 2 else inputs
