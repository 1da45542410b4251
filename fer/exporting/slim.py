"""Reduces a checkpoint to what prediction needs, without paths of the machine that made it."""

import re
from collections.abc import Mapping
from typing import Any

import torch

from fer.options import PLACE_KEYS
from fer.prediction.calibrated import KEY

MACHINE = re.compile(r"~|[/\\]|[A-Za-z]:[/\\]|file:")
"""How a text begins that is a path on one machine."""


def slim(content: Mapping[str, Any], temperature: float | None, half: bool) -> dict[str, Any]:
    """A checkpoint's content without optimizer, loops and paths, with its temperature; floats in float16 if `half`."""
    weights = {name: reduced(tensor) if half else tensor for name, tensor in content["state_dict"].items()}
    return {
        "hyper_parameters": without_paths(dict(content["hyper_parameters"])),
        "state_dict": weights,
        KEY: temperature,
    }


def reduced(tensor: torch.Tensor) -> torch.Tensor:
    """In float16, if it has many floats; mean and std of the pixels stay as they are."""
    return tensor.half() if tensor.is_floating_point() and tensor.ndim else tensor


def without_paths(node: Any) -> Any:
    """`node` with null for every option that is a place, and for every text that is a path on one machine."""
    if isinstance(node, Mapping):
        return {key: None if key in PLACE_KEYS else without_paths(value) for key, value in node.items()}
    if isinstance(node, list | tuple):
        return [without_paths(item) for item in node]
    return None if isinstance(node, str) and MACHINE.match(node) else node
