"""Loads a classifier from a checkpoint file, after checking that it contains only plain data and trusted classes."""

import pickle
from pathlib import Path
from typing import Any

import torch

from fer.classifier import Classifier
from fer.data.reading import check_file_is_no_pointer
from fer.errors import UserError, first_line
from fer.objections import unsafe_parts
from fer.trust import check_parts, needed, trusts

LOAD_ERRORS = (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, EOFError, OSError, ValueError, AttributeError)
"""Errors of torch.load for files that are not checkpoints."""


def load(path: str | Path) -> Classifier:
    """Returns the classifier of a checkpoint file on the CPU, in evaluation mode.

    Only tensors and plain containers are unpickled, and `fer.trust` checks the named classes before they are built.
    Raises UserError for a file that is no checkpoint of fer.
    """
    return build(read(path), path)


def read(path: str | Path) -> dict[str, Any]:
    """Returns the content of a checkpoint file, with tensors on the CPU; builds nothing.

    Raises UserError for a file that is no checkpoint of fer, and for one that names untrusted classes.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        parameters, weights = content["hyper_parameters"], content["state_dict"]
    except FileNotFoundError:
        raise UserError(f"no such checkpoint: {path}; a run keeps its own in checkpoints/best.ckpt") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder; name a checkpoint in it") from None
    except LOAD_ERRORS as error:
        check_file_is_no_pointer(Path(path))
        reason = first_line(error, 120)
        raise UserError(f"{path}: not a checkpoint of this project ({reason})") from error
    check_parts(parameters, path)
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise UserError(f"{path}: not a checkpoint of this project (its state_dict holds no tensors)")
    return content


def build(content: dict[str, Any], path: str | Path) -> Classifier:
    """Builds the classifier from the content returned by `read`, in evaluation mode; `path` is for messages."""
    parameters, weights = content["hyper_parameters"], content["state_dict"]
    try:
        check_size(parameters, weights)
        classifier = Classifier(**parameters)
        classifier.load_state_dict(weights)
    except (UserError, TypeError, ValueError, AttributeError, RuntimeError, MemoryError) as error:
        reason = first_line(error)
        raise UserError(f"{path}: its network does not fit this version of the code ({reason})") from error
    return classifier.eval()


def check_size(parameters: dict[str, Any], weights: dict[str, torch.Tensor]) -> None:
    """Raises ValueError if the network would have more parameters than the file has bytes, before it is allocated.

    Networks of modules trusted by the user are not checked, since they may not support the device "meta".
    """
    if trusts(str(parameters["model"].get("_target_"))):
        return
    with torch.device("meta"):
        parameters_needed = sum(p.numel() for p in Classifier(**parameters).parameters())
    stored = sum(tensor.untyped_storage().nbytes() for tensor in weights.values())
    if parameters_needed > stored:
        raise ValueError(f"{parameters_needed:,} parameters, and weights of {stored:,} bytes")


def trust_options(parameters: dict[str, Any]) -> list[str]:
    """Returns the modules that must be trusted to load a classifier with these hyperparameters from a file."""
    return needed(unsafe_parts(parameters))
