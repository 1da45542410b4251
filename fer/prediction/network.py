"""Loads the network for prediction: an exported .onnx file, a checkpoint, or the one that ships."""

from pathlib import Path
from typing import Protocol

import numpy as np

from fer import shipped
from fer.errors import UserError

PRECISIONS = ("32", "bf16", "int8")
"""Names of --precision and `fer.Recogniser`."""
INT8 = ".int8.onnx"
"""Suffix of the files that fer.export writes with --precision int8."""


class Network(Protocol):
    """Base class of back ends.

    temperature: None if the probabilities were never calibrated; remark: on it. precision: of the arithmetic.
    """

    name: str
    classes: tuple[str, ...]
    temperature: float | None
    remark: str = ""
    precision: str = "float32"

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        ...

    def use_bfloat16(self) -> bool:
        """Computes in bfloat16 from now on, if back end and processor can; returns whether they can."""
        return False

    def close(self) -> None:
        """Ends the child process, if there is one; waiting calls raise."""


def load(path: Path | None, differentiable: bool = False, tta: str | None = None) -> Network:
    """Loads an .onnx file (without importing torch), a checkpoint, a run's folder, or a shipped network by its name.

    None is the default among the shipped networks. differentiable: loads shipped networks with torch, for gradients and
    features. tta: a key of `fer.tta.VIEWS`, the views of each face in place of the network's own. Raises UserError for
    other files, and for views of an .onnx file.
    """
    if path is None or shipped.is_name(str(path)):
        name = None if path is None else str(path)
        path = shipped.network_path(name, differentiable=differentiable or tta is not None)
    if path.suffix == ".onnx":
        if tta is not None:
            raise UserError(f"{path}: the views of a face are part of an ONNX file; --tta needs a checkpoint or a run")
        from fer.prediction.onnx_network import OnnxNetwork

        return OnnxNetwork(path)
    from fer.prediction.torch_network import TorchNetwork

    return TorchNetwork(checkpoint_at(path), tta)


def accelerate(network: Network, precision: str | None = None) -> Network:
    """Chooses the arithmetic of a loaded network; returns the network.

    precision: of PRECISIONS. With None and "bf16" a checkpoint computes in bfloat16 on processors with instructions for
    it, where probabilities differ by hundredths; otherwise None is float32. Raises UserError where "bf16" cannot be.
    """
    half = precision in (None, "bf16") and network.use_bfloat16()
    if precision == "bf16" and not half:
        raise UserError(
            f"{network.name}: bfloat16 needs a checkpoint (.ckpt, .pt or a run's folder) and a processor with "
            "AVX512-BF16 or AMX; leave --precision out"
        )
    return network


def int8_file(path: Path | None) -> Path:
    """Returns the int8 ONNX file of a network: the one that ships, or the one that fer.export writes beside a file.

    path: as of `load`. Raises UserError where there is none.
    """
    if path is None or shipped.is_name(str(path)):
        return shipped.network_path(None if path is None else str(path), suffix=INT8)
    if path.name.endswith(INT8):
        return path
    file = checkpoint_at(path).with_suffix(INT8)
    if not file.is_file():
        raise UserError(f"{file}: no such file; python -m fer.export {path} --precision int8 writes it")
    return file


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
    arithmetic = "" if network.precision == "float32" else f"; computed in {network.precision}"
    return f"{network.name}: {', '.join(network.classes)}; {probabilities}{arithmetic}"
