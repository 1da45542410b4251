"""Finds the last feature map of a network, which Grad-CAM explains."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.ops import SqueezeExcitation

from fer.classifier import Classifier
from fer.errors import UserError
from fer.evaluation.tta import evaluation_mode
from fer.models.attention import CBAM, Masking

GATES = (SqueezeExcitation, CBAM, Masking)
"""Modules that scale a map; the convolutions in them make no map to explain."""
TRANSPARENT = ("Norm", "Norm2d", "Identity", "Dropout", "Dropout2d", "SqueezeExcitation", "StochasticDepth")
"""Ends of the class names of layers that may stand between a convolution and its activation."""


class FeatureMap(NamedTuple):
    """A feature map inside a network; `name` as in `classifier.model.named_modules()`, sizes in positions."""

    name: str
    layer: nn.Module
    height: int
    width: int


class FeatureMapFinder:
    """Follows a forward pass layer by layer and remembers the last feature map.

    That is the output of the last convolution with more than one position, or of the norm and activation that directly
    follow it.
    """

    def __init__(self) -> None:
        self.feature_map: FeatureMap | None = None
        self.follows_map = False  # whether the next layer may continue the map

    def see(self, name: str, layer: nn.Module, output: object) -> None:
        """Takes the output of the next layer of the pass."""
        size = positions(output)
        if isinstance(layer, nn.Conv2d):
            is_map = size is not None
            self.follows_map = is_map
        else:
            is_map = self.follows_map and self.feature_map is not None and size == self.feature_map[2:]
            self.follows_map = is_map and type(layer).__name__.endswith(TRANSPARENT)
        if is_map and size is not None:
            self.feature_map = FeatureMap(name, layer, *size)


def last_feature_map(classifier: Classifier, images: Tensor) -> FeatureMap:
    """Returns the last feature map in a forward pass of `images`. Raises UserError for a network without one.

    images: (N, 1, H, W) uint8.
    """
    finder = FeatureMapFinder()
    hooks = [
        layer.register_forward_hook(lambda layer, _, output, name=name: finder.see(name, layer, output))
        for name, layer in leaf_layers(classifier.model)
    ]
    try:
        with evaluation_mode(classifier), torch.no_grad():
            classifier(images.to(classifier.device))
    finally:
        for hook in hooks:
            hook.remove()
    if finder.feature_map is None:
        raise UserError(f"{type(classifier.model).__name__} has no convolution with a map to explain by Grad-CAM")
    return finder.feature_map


def positions(output: object) -> tuple[int, int] | None:
    """Returns height and width of a layer's output (N, C, H, W); None for other outputs and for a single position."""
    if not isinstance(output, Tensor) or output.ndim != 4 or output.shape[-2:].numel() == 1:
        return None
    return output.shape[-2], output.shape[-1]


def leaf_layers(network: nn.Module, name: str = "") -> Iterator[tuple[str, nn.Module]]:
    """Yields the modules without children and their names; a gate counts as one module."""
    if isinstance(network, GATES) or not any(network.children()):
        yield name, network
        return
    for key, child in network.named_children():
        yield from leaf_layers(child, f"{name}.{key}".lstrip("."))
