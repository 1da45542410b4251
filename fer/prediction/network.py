"""Loads the network for prediction: an exported .onnx file, a checkpoint, or the one that ships."""

from pathlib import Path
from typing import Protocol

import numpy as np

from fer import shipped
from fer.errors import UserError


class Network(Protocol):
    """Base class of back ends. temperature: None if the probabilities were never calibrated; remark: on it."""

    name: str
    classes: tuple[str, ...]
    temperature: float | None
    remark: str = ""

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        ...

    def use_bfloat16(self) -> None:
        """Computes in bfloat16 from now on, if the back end can and the processor has instructions for it."""

    def close(self) -> None:
        """Ends the child process, if there is one; waiting calls raise."""


def load(path: Path | None, differentiable: bool = False) -> Network:
    """Loads an .onnx file (without importing torch), a checkpoint, a run's folder, or a shipped network by its name.

    None is the default among the shipped networks. differentiable: loads shipped networks with torch, for gradients and
    features. Raises UserError for other files.
    """
    if path is None or shipped.is_name(str(path)):
        path = shipped.network_path(None if path is None else str(path), differentiable=differentiable)
    if path.suffix == ".onnx":
        from fer.prediction.onnx_network import OnnxNetwork

        return OnnxNetwork(path)
    from fer.prediction.torch_network import TorchNetwork

    return TorchNetwork(checkpoint_at(path))


def accelerate(network: Network) -> Network:
    """Lets a checkpoint compute in bfloat16 on processors with instructions for it; returns the network."""
    network.use_bfloat16()
    return network


def checkpoint_at(path: Path) -> Path:
    """Returns the path itself, or the best checkpoint if it is a run's folder. Raises UserError without one."""
    if not path.is_dir():
        return path
    from fer.evaluation.records import checkpoint_of, record_of

    best = checkpoint_of(path, record_of(path))
    if best is None:
        raise UserError(f"{path}: it contains no checkpoint; give a run's folder, a .ckpt or an .onnx file")
    return best


def describe(network: Network) -> str:
    """Returns a line with the network's name, classes and calibration."""
    if network.temperature is None:
        probabilities = "probabilities are not calibrated"
    else:
        remark = f", {network.remark}" if network.remark else ""
        probabilities = f"probabilities calibrated on validation (temperature {network.temperature:.2f}{remark})"
    return f"{network.name}: {', '.join(network.classes)}; {probabilities}"
