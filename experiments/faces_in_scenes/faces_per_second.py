"""Measures how fast cropped faces are recognised, from ONNX and from a checkpoint, and the accuracy of each way.

    python experiments/faces_in_scenes/faces_per_second.py pocket --data ~/data/fer2013.csv

NAME is a network of fer/weights. Each way sees the same faces of PublicTest in turn: onnxruntime and torch in batches
of several sizes, torch in float32 and in bfloat16, and torch as it was, views one after another in batches of 256.
Time is that of the processor, over all threads. Prints a table and writes faces_per_second.csv to --out.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fer.arguments import whole
from fer.errors import one_line_errors
from fer.evaluation.loading import load_classifier
from fer.evaluation.tta import evaluation_mode
from fer.prediction import onnx_network, torch_network
from fer.prediction.network import accelerate
from fer.prediction.onnx_network import OnnxNetwork
from fer.prediction.outputs import make_folder
from fer.prediction.torch_network import TorchNetwork
from fer.report import markdown_table
from fer.shipped import WEIGHTS

SIZES = (256, 64, 16)
ROUNDS = 2


def ways_of(name: str) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Returns name -> function from (N, 48, 48) uint8 faces to (N, C) probabilities."""
    exact, half = TorchNetwork(WEIGHTS / f"{name}.pt"), accelerate(TorchNetwork(WEIGHTS / f"{name}.pt"))
    ways: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    for size in SIZES:
        network = OnnxNetwork(WEIGHTS / f"{name}.onnx")
        network.batch = size
        ways[f"onnxruntime, {size} faces"] = network.probabilities
        ways[f"torch, {size} images"] = in_batches(exact, size)
        if half.half:
            ways[f"torch in bfloat16, {size} images"] = in_batches(half, size)
    return {"torch, view after view": lambda faces: view_after_view(exact, faces), **ways}


def in_batches(network: TorchNetwork, size: int) -> Callable[[np.ndarray], np.ndarray]:
    def probabilities(faces: np.ndarray) -> np.ndarray:
        torch_network.IMAGES = size
        return network.probabilities(faces)

    return probabilities


def view_after_view(network: TorchNetwork, faces: np.ndarray) -> np.ndarray:
    with evaluation_mode(network.classifier), torch.inference_mode():
        parts = [network.classifier.logits(part) for part in torch.from_numpy(faces)[:, None].split(256)]
        return (torch.cat(parts) / (network.temperature or 1.0)).softmax(1).numpy()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME", help="a network of fer/weights")
    parser.add_argument("--data", metavar="PATH", action="append", help="FER2013 (default: where it was trained)")
    parser.add_argument("--faces", type=whole, default=3589)
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    split = load_classifier(WEIGHTS / f"{args.name}.pt", args.data).split("val")
    faces, labels = split.images[: args.faces, 0].numpy(), split.labels[: args.faces].numpy()
    ways, seconds, right = ways_of(args.name), {}, {}
    for way in ways.values():
        way(faces[:64])  # warms up
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.process_time()
            right[name] = (way(faces).argmax(1) == labels).mean()
            seconds[name] = min(seconds.get(name, np.inf), time.process_time() - started)
    rows = [
        {"way": name, "faces/s of a core": round(len(faces) / seconds[name]), "accuracy, %": round(100 * share, 2)}
        for name, share in right.items()
    ]
    table = pd.DataFrame(rows)
    print(markdown_table(table))
    table.to_csv(make_folder(args.out) / "faces_per_second.csv", index=False)
    print(f"wrote {args.out}/faces_per_second.csv: {len(faces):,} faces, default batch {onnx_network.BATCH}")
    print("next: python -m fer.predict FOLDER --no-detect")


if __name__ == "__main__":
    with one_line_errors():
        main()
