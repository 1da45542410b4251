"""Compares the answers of an exported file with those of its checkpoint."""

from pathlib import Path

import numpy as np
import torch

from fer.evaluation.pixels import Pixels
from fer.exporting.onnx_file import Whole
from fer.prediction.network import Network
from fer.prediction.onnx_network import OnnxNetwork
from fer.preprocess import SIZE


def difference(module: Whole, path: Path, size: tuple[int, int] = (SIZE, SIZE)) -> float:
    """The largest between probabilities in torch and in the ONNX file, over batches of 1 and 7 random pictures.

    Pictures of other sizes than 48×48 are resized in both, and a rare pixel rounds to the next grey level in one.
    """
    network, found = OnnxNetwork(path), 0.0
    for batch in (1, 7):
        pixels = torch.randint(0, 256, (batch, 1, *size), dtype=torch.uint8)
        with torch.inference_mode():
            ours = module(pixels).numpy()
        found = max(found, float(np.abs(network.probabilities(pixels[:, 0].numpy()) - ours).max()))
    return found


def costs(ours: Network, plain: Path, made: Path, pixels: Pixels, precision: str) -> list[str]:
    """Accuracy on validation of the checkpoint, of its float32 file and of the file that was made."""
    split = pixels.split("val")
    faces, labels = split.images[:, 0].numpy(), split.labels.numpy()
    networks = {"checkpoint": ours, "float32 file": OnnxNetwork(plain), f"{precision} file": OnnxNetwork(made)}
    guesses = {name: guessed(network, faces) for name, network in networks.items()}
    lines = [f"validation, {len(labels):,} faces of {pixels.datamodule.origin}:"]
    for name, said in guesses.items():
        same = (said == guesses["checkpoint"]).mean()
        lines.append(
            f"  {name:<13} accuracy {100 * (said == labels).mean():.2f} %, {100 * same:.2f} % as the checkpoint"
        )
    return lines


def guessed(network: Network, faces: np.ndarray, batch: int = 256) -> np.ndarray:
    """Index of the most probable class of each of (N, 48, 48) uint8 faces."""
    parts = [network.probabilities(faces[start : start + batch]) for start in range(0, len(faces), batch)]
    return np.concatenate(parts).argmax(1)
