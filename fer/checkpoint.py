"""Loads a classifier from a checkpoint, after checking that the file holds plain data and known classes only."""

import pickle
from pathlib import Path
from typing import Any

import torch

from fer.classifier import Classifier
from fer.errors import UserError
from fer.positions import unsafe_parts
from fer.trust import check_parts, needed, trusts

UNREADABLE = (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, EOFError, OSError, ValueError, AttributeError)
"""What torch.load raises for files that are no checkpoints."""


def load(path: str | Path) -> Classifier:
    """The classifier in a checkpoint file, on the CPU, in evaluation mode.

    Raises UserError for a file that is none of ours. Only tensors and plain containers are unpickled, and what the file
    names is checked by `fer.trust` before anything is built.
    """
    return build(read(path), path)


def read(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint file, tensors on the CPU. Nothing is built.

    Raises UserError for a file that is none of ours, and for one that names what the user does not trust.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        parameters, weights = content["hyper_parameters"], content["state_dict"]
    except FileNotFoundError:
        raise UserError(f"no such checkpoint: {path}; a run keeps its own in checkpoints/best.ckpt") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; name a checkpoint in it") from None
    except UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UserError(f"{path}: not a checkpoint of this project ({reason})") from error
    check_parts(parameters, path)
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise UserError(f"{path}: not a checkpoint of this project (its state_dict holds no tensors)")
    return content


def build(content: dict[str, Any], path: str | Path) -> Classifier:
    """The classifier of a checkpoint's content that `read` returned, in evaluation mode; `path` is for messages."""
    parameters, weights = content["hyper_parameters"], content["state_dict"]
    try:
        check_size(parameters, weights)
        classifier = Classifier(**parameters)
        classifier.load_state_dict(weights)
    except (UserError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:160]
        raise UserError(f"{path}: its network does not fit this version of the code ({reason})") from error
    return classifier.eval()


def check_size(parameters: dict[str, Any], weights: dict[str, torch.Tensor]) -> None:
    """Raises ValueError where the network would have far more parameters than the file holds, before it is allocated.

    A network of a trusted module is built as it is: it may not work on the device "meta".
    """
    if trusts(str(parameters["model"].get("_target_"))):
        return
    with torch.device("meta"):
        parameters_needed = sum(p.numel() for p in Classifier(**parameters).parameters())
    stored = sum(tensor.untyped_storage().nbytes() for tensor in weights.values())
    if parameters_needed > stored:
        raise ValueError(f"{parameters_needed:,} parameters, and weights of {stored:,} bytes")


def trust_options(parameters: dict[str, Any]) -> list[str]:
    """The modules to trust for a classifier with these hyperparameters to be loaded from a file."""
    return needed(unsafe_parts(parameters))
