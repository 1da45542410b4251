"""Reduces a checkpoint to what prediction needs, without the paths of the machine that wrote it."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from fer.options import PLACE_KEYS
from fer.prediction.temperature import KEY

PATH = re.compile(r"~|[/\\]|[A-Za-z]:[/\\]|file:")
"""Matches the beginning of a string that is a path."""


def slim(content: Mapping[str, Any], temperature: float | None, half: bool) -> dict[str, Any]:
    """Returns a checkpoint's content with its temperature and without optimizer, loops and paths.

    half: stores weights in float16.
    """
    weights = {name: halve(tensor) if half else tensor for name, tensor in content["state_dict"].items()}
    return {
        "hyper_parameters": without_paths(dict(content["hyper_parameters"])),
        "state_dict": weights,
        KEY: temperature,
    }


def halve(tensor: torch.Tensor) -> torch.Tensor:
    """Returns a floating-point tensor in float16; scalars, such as mean and std of the pixels, keep their dtype."""
    return tensor.half() if tensor.is_floating_point() and tensor.ndim else tensor


def without_paths(node: Any) -> Any:
    """Returns `node` with None for every option that is a place and every string that is a path."""
    if isinstance(node, Mapping):
        return {key: None if key in PLACE_KEYS else without_paths(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [without_paths(item) for item in node]
    return None if isinstance(node, str) and PATH.match(node) else node
