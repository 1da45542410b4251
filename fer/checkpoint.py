"""Loads a checkpoint: plain data only, and nothing is built that is not a network, loss, optimizer or schedule."""

import importlib
import pickle
from pathlib import Path
from typing import Any

import torch
from hydra.errors import InstantiationException
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from fer.classifier import Classifier
from fer.errors import UserError

HOMES = ("fer.models", "fer.losses", "fer.optimizers", "fer.schedulers", "torch.nn", "torch.optim")
KINDS = (nn.Module, Optimizer, LRScheduler, ReduceLROnPlateau)
PARTS = ("model", "loss", "optimizer", "scheduler")


def load(path: str | Path) -> Classifier:
    """The classifier in a checkpoint file, on the CPU, in evaluation mode.

    Raises UserError for a file that is none of ours. Only tensors and plain containers are unpickled, and every
    `_target_` is checked by `guard` before anything is built, since a checkpoint names what to build.
    """
    return build(read(path), path)


def read(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint file, tensors on the CPU; nothing is built. UserError for a file that is none."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        content["hyper_parameters"], content["state_dict"]
    except FileNotFoundError:
        raise UserError(f"no such checkpoint: {path}; a run keeps its own in checkpoints/best.ckpt") from None
    except (pickle.UnpicklingError, RuntimeError, KeyError, TypeError, EOFError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise UserError(f"{path}: not a checkpoint of this project ({reason})") from error
    return content


def build(content: dict[str, Any], path: str | Path) -> Classifier:
    """The classifier of a checkpoint's content, in evaluation mode; `path` is for what UserError says."""
    parameters, weights = content["hyper_parameters"], content["state_dict"]
    for part in PARTS:
        guard(parameters.get(part), f"{path}: {part}")
    try:
        classifier = Classifier(**parameters)
        classifier.load_state_dict(weights)
    except (TypeError, ValueError, AttributeError, RuntimeError, InstantiationException) as error:
        reason = str(error).splitlines()[0][:120]
        raise UserError(f"{path}: its network does not fit this version of the code ({reason})") from error
    return classifier.eval()


def guard(node: Any, where: str) -> None:
    """Raises UserError unless every `_target_` in `node`, nested ones too, is a class that may be built."""
    if isinstance(node, dict):
        if "_target_" in node:
            allowed_class(node["_target_"], where)
        for value in node.values():
            guard(value, where)
    elif isinstance(node, list | tuple):
        for value in node:
            guard(value, where)


def allowed_class(target: Any, where: str) -> type:
    """The class called `target`, which lies below one of HOMES and is one of KINDS; UserError otherwise."""
    module, _, name = str(target).rpartition(".")
    if any(module == home or module.startswith(f"{home}.") for home in HOMES):
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:
            found = None
        own = isinstance(found, type) and issubclass(found, KINDS) and found.__module__.startswith(HOMES)
        if own:
            return found
    raise UserError(f"{where} names {target!r}, which is no network, loss, optimizer or schedule; not loaded")
