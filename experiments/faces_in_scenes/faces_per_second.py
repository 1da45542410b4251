"""Measures how fast cropped faces are recognised, from checkpoints and from ONNX, and the accuracy of each way.

    python experiments/faces_in_scenes/faces_per_second.py pocket best.ckpt --data ~/data/fer2013.csv

NETWORK is a network of fer/weights or a checkpoint. The files that fer.export wrote beside a checkpoint, best.onnx and
best.int8.onnx, are measured too. All ways see the same faces of PublicTest in turn, in batches of 256; the least
processor time of several rounds counts, over all threads. Accuracy is that on all of PublicTest. Prints a table and
writes faces_per_second.csv to --out.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.progress import track

from fer import shipped
from fer.arguments import whole
from fer.data.datamodule import Split
from fer.errors import one_line_errors
from fer.evaluation.loading import load_classifier
from fer.evaluation.tta import evaluation_mode
from fer.prediction.network import INT8, accelerate
from fer.prediction.onnx_network import InProcess, OnnxNetwork
from fer.prediction.outputs import make_folder
from fer.prediction.torch_network import TorchNetwork
from fer.report import markdown_table

ROUNDS, BATCH = 5, 256
Way = Callable[[np.ndarray], np.ndarray]
"""(N, 48, 48) uint8 faces -> (N, C) probabilities."""


def ways_of(path: Path) -> dict[str, Way]:
    """Returns the ways of recognising faces with a checkpoint and with the ONNX files beside it."""
    exact, half, one_view = (TorchNetwork(path) for _ in range(3))
    accelerate(half)
    accelerate(one_view).classifier.hparams.tta = "none"
    ways: dict[str, Way] = {
        "torch, float32, layers as trained": lambda faces: as_trained(exact, faces, half=False),
        "torch, bfloat16, layers as trained": lambda faces: as_trained(half, faces, half=half.half),
        "torch, float32": exact.probabilities,
        f"torch, {half.precision}": half.probabilities,
        f"torch, {half.precision}, one view": one_view.probabilities,
    }
    for suffix in (".onnx", INT8):
        if (file := path.with_suffix(suffix)).is_file():
            network = OnnxNetwork(file)
            network.close()
            network.run = InProcess(file.read_bytes())  # its processor time is that of this process
            ways[f"onnxruntime, {network.precision}"] = network.probabilities
    return ways


def as_trained(network: TorchNetwork, faces: np.ndarray, half: bool) -> np.ndarray:
    """Computes without the inference form: normalisation after each convolution, in batches of 32 faces."""
    classifier = network.classifier
    with evaluation_mode(classifier), torch.inference_mode(), torch.autocast("cpu", enabled=half):
        parts = [classifier.logits(part) for part in torch.from_numpy(faces)[:, None].split(32)]
        return (torch.cat(parts) / (network.temperature or 1.0)).softmax(1).numpy()


def measure(path: Path, split: Split, count: int) -> pd.DataFrame:
    """Returns a row for each way: faces per second of a core, and the accuracy on the split."""
    ways, faces, labels = ways_of(path), split.images[:, 0].numpy(), split.labels.numpy()
    seconds = dict.fromkeys(ways, np.inf)
    for number in track(range(ROUNDS + 1), path.name, transient=True):  # the first round warms up
        for name, way in ways.items():
            started = time.process_time()
            way(faces[:count])
            if number:
                seconds[name] = min(seconds[name], time.process_time() - started)
    rows = []
    for name, way in ways.items():
        parts = [way(faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
        accuracy = 100 * np.mean(np.concatenate(parts).argmax(1) == labels)
        rate = round(count / seconds[name])
        rows.append({"network": path.name, "way": name, "faces/s of a core": rate, "accuracy, %": round(accuracy, 2)})
    return pd.DataFrame(rows)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+", metavar="NETWORK", help="a network of fer/weights, or a .ckpt")
    parser.add_argument("--data", metavar="PATH", action="append", help="FER2013 (default: where it was trained)")
    parser.add_argument("--faces", type=whole, default=256, help="faces that are timed (default 256)")
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    paths = [shipped.checkpoint_named(name) or Path(name) for name in args.networks]
    tables = [measure(path, load_classifier(path, args.data).split("val"), args.faces) for path in paths]
    table = pd.concat(tables, ignore_index=True)
    print(markdown_table(table))
    table.to_csv(make_folder(args.out) / "faces_per_second.csv", index=False)
    print(f"wrote {args.out}/faces_per_second.csv")
    print("next: python -m fer.predict FOLDER --no-detect --precision int8")


if __name__ == "__main__":
    with one_line_errors():
        main()
