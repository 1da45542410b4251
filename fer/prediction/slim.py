"""A checkpoint as small as it can travel: what it takes to answer, and nothing of the machine it was made on."""

from collections.abc import Mapping
from typing import Any

import torch

from fer.prediction.calibrated import KEY

PATHS = {"root", "votes_file", "output_dir", "resume", "save_dir", "dirpath", "path"}


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
    """`node` with null for every path that a config knows by name."""
    if isinstance(node, Mapping):
        return {key: None if key in PATHS else without_paths(value) for key, value in node.items()}
    return [without_paths(item) for item in node] if isinstance(node, list | tuple) else node
