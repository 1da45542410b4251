"""Divides the parameters of a network into the parameter groups of an optimizer."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from fer import layers
from fer.parts import LR_SCALE

Group = dict[str, Any]


def without_decay(parameters: Sequence[nn.Parameter]) -> list[Group]:
    """Returns the matrices as one parameter group, and biases and norms as another one without weight decay."""
    matrices, others = ([p for p in parameters if (p.ndim > 1) == is_matrix] for is_matrix in (True, False))
    both: list[Group] = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    return [group for group in both if group["params"]] or both[:1]


def by_layer(network: nn.Module, lr: float, layer_decay: float, decay_biases_and_norms: bool) -> list[Group]:
    """Returns parameter groups for each layer, from the first to the last, without the frozen parameters.

    lr: of the last layer. layer_decay: factor from the learning rate of each layer to that of the one before it.
    """
    depths = layers.depths(network)
    top = max(depths.values())
    by_depth: dict[int, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            by_depth.setdefault(depths[name], []).append(parameter)
    groups = []
    for depth, parameters in sorted(by_depth.items()):
        scale = layer_decay ** (top - depth)
        of_layer = [{"params": parameters}] if decay_biases_and_norms else without_decay(parameters)
        groups += [{**group, "lr": lr * scale, LR_SCALE: scale} for group in of_layer]
    return groups
