"""Compares the probabilities of an exported file with those of its checkpoint."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from fer.evaluation.loading import ClassifierWithData
from fer.exporting.exported_model import ExportedModel
from fer.prediction.network import Network
from fer.prediction.onnx_network import OnnxNetwork
from fer.preprocess import SIZE


def difference(
    module: ExportedModel, path: Path, size: tuple[int, int] = (SIZE, SIZE), batches: Sequence[int] = (1, 7)
) -> float:
    """Returns the largest difference between probabilities of torch and of the ONNX file, over batches of these sizes.

    The pictures are random. Sizes other than 48×48 are resized in both, and a rare pixel rounds differently.
    """
    network, largest = OnnxNetwork(path), 0.0
    for batch in batches:
        pixels = torch.randint(0, 256, (batch, 1, *size), dtype=torch.uint8)
        with torch.inference_mode():
            expected = module(pixels).numpy()
        differences = np.abs(network.probabilities(pixels[:, 0].numpy()) - expected)
        largest = max(largest, float(differences.max()))
    return largest


def costs(original: Network, float32: Path, written: Path, pixels: ClassifierWithData, precision: str) -> list[str]:
    """Returns lines with the validation accuracy of the checkpoint, its float32 file and the written file."""
    split = pixels.split("val")
    faces, labels = split.images[:, 0].numpy(), split.labels.numpy()
    networks = {
        "checkpoint": original,
        "float32 file": OnnxNetwork(float32),
        f"{precision} file": OnnxNetwork(written),
    }
    predictions = {name: predicted_classes(network, faces) for name, network in networks.items()}
    lines = [f"validation, {len(labels):,} faces of {pixels.datamodule.origin}:"]
    for name, classes in predictions.items():
        accuracy, same = (classes == labels).mean(), (classes == predictions["checkpoint"]).mean()
        lines.append(f"  {name:<13} accuracy {100 * accuracy:.2f} %, {100 * same:.2f} % predicted as by the checkpoint")
    return lines


def predicted_classes(network: Network, faces: np.ndarray, batch: int = 256) -> np.ndarray:
    """(N, 48, 48) uint8 faces -> (N,) indices of the most probable class."""
    parts = [network.probabilities(faces[start : start + batch]) for start in range(0, len(faces), batch)]
    return np.concatenate(parts).argmax(1)
