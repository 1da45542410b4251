"""Loads the network for prediction: an exported .onnx file, a checkpoint, or the one that ships."""

from pathlib import Path
from typing import Protocol

import numpy as np

from fer.errors import UserError
from fer.prediction import shipped


class Network(Protocol):
    """What a back end offers. temperature: None where probabilities were never calibrated."""

    name: str
    classes: tuple[str, ...]
    temperature: float | None

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        ...


def load(path: Path | None, inside: bool = False) -> Network:
    """Of an .onnx file (without importing torch), a checkpoint or a run's folder; without a path the one that ships,
    with torch where its `inside` is wanted.

    Raises UserError for anything else.
    """
    path = shipped.network(inside=inside) if path is None else path
    if path.suffix == ".onnx":
        from fer.prediction.onnx_network import OnnxNetwork

        return OnnxNetwork(path)
    from fer.prediction.torch_network import TorchNetwork

    return TorchNetwork(checkpoint_at(path))


def checkpoint_at(path: Path) -> Path:
    """The file itself, or the best checkpoint of the run whose folder is given."""
    if not path.is_dir():
        return path
    from fer.evaluation.records import checkpoint_of, record_of

    found = checkpoint_of(path, record_of(path))
    if found is None:
        raise UserError(f"{path}: no checkpoint in it; give a run's folder, a .ckpt or an .onnx file")
    return found


def about(network: Network) -> str:
    """What answers, in a line."""
    if network.temperature is None:
        probabilities = "probabilities as the network gives them, not calibrated"
    else:
        remark = getattr(network, "remark", "") and f", {network.remark}"
        probabilities = f"probabilities calibrated on validation (temperature {network.temperature:.2f}{remark})"
    return f"{network.name}: {', '.join(network.classes)}; {probabilities}"
