"""Exports a checkpoint as an ONNX file, a torch.export program or bare weights, and checks the file."""

import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch

from fer import checkpoint
from fer.errors import UserError
from fer.evaluation.loading import ClassifierWithData
from fer.exporting import onnx_file, onnx_precision
from fer.exporting.exported_model import ExportedModel, export_program, exported_model
from fer.exporting.parity import costs, difference
from fer.exporting.slim import slim
from fer.files import atomic
from fer.prediction.experiment_data import experiment_data
from fer.prediction.network import checkpoint_at, describe
from fer.prediction.outputs import make_folder, write_errors
from fer.prediction.torch_network import TorchNetwork
from fer.preprocess import SIZE

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2", "weights": ".pt"}
TOLERANCE = 1e-4  # largest difference between probabilities of torch and of the file, in float32
RESIZED_TOLERANCE = 1e-2  # the same for resized pictures, where a rare pixel rounds to the next grey level
CALIBRATION_FACES = 512  # training faces from which int8 takes its ranges


class Options(NamedTuple):
    """Options of an ONNX file. opset: None for the exporter's default; fixed: for one picture of 48×48 only."""

    precision: str = "fp32"
    opset: int | None = None
    fixed: bool = False


def export(
    source: Path,
    kind: str,
    precision: str,
    data: list[str] | None,
    out: Path | None,
    numbers: Any = None,
    opset: int | None = None,
    fixed: bool = False,
) -> Path:
    """Writes the file, prints how it compares with the checkpoint, and returns its path.

    Args:
        source: a checkpoint or a run's folder.
        kind: a key of SUFFIXES.
        precision: fp32, fp16 or int8.
        data: paths of the data for calibration and accuracy, by default those of the run.
        out: the file to write, by default beside the checkpoint.
        numbers: the classes of folders of `data` that are named by numbers, by default as in the run.
        opset: version of ONNX's operators, by default the exporter's.
        fixed: whether the ONNX file takes one picture of 48×48 instead of any number of any size.

    Raises:
        UserError: for a network or a combination of options that cannot be exported.
    """
    if kind != "onnx" and (fixed or opset):
        raise UserError(f"--format {kind} has no --opset and no --fixed, which are for onnx")
    path = checkpoint_at(source)
    network = TorchNetwork(path)
    if out is None:
        middle = (".fixed" if fixed else "") + ("" if precision == "fp32" else f".{precision}")
        out = path.with_suffix(f"{middle}{SUFFIXES[kind]}")
    if out.exists() and out.samefile(path):
        raise UserError(f"{out} would replace the checkpoint; choose another with --out FILE")

    def load_data() -> tuple[ClassifierWithData | None, str]:
        if precision == "fp32" and not data:
            return None, ""
        return experiment_data(path, data, numbers)

    print(describe(network), flush=True)
    make_folder(out.parent)
    with write_errors(out):
        lines = WRITERS[kind](network, path, Options(precision, opset, fixed), out, load_data)
    size = out.stat().st_size
    print("\n".join([*lines, f"wrote {out}: {size / 1e6:.2f} MB, {precision}", *next_lines(kind, out)]))
    return out


Data = Callable[[], tuple[ClassifierWithData | None, str]]
"""Loads the faces of the experiment, or returns the reason why there are none."""


def write_onnx(network: TorchNetwork, path: Path, options: Options, out: Path, data: Data) -> list[str]:
    """Writes the ONNX file; returns lines about its differences from the network."""
    faces, reason = data()
    precision = options.precision
    calibration = calibration_faces(faces, reason) if precision == "int8" else None
    folded = precision != "fp16"  # its weights are those of a checkpoint in float16, which has them unfolded
    module = exported_model(network.classifier, network.temperature, options.fixed, folded)
    metadata = {**description(network), "precision": precision}
    model = onnx_file.onnx_model(module, metadata, options.opset)
    with TemporaryDirectory() as folder:
        float32 = Path(folder) / "fp32.onnx"
        float32.write_bytes(model.SerializeToString())
        differences = check_difference(module, float32)
        if precision == "fp16":
            model = onnx_precision.halve(model)
        elif calibration is not None:
            model = onnx_precision.quantize(model, calibration, Path(folder))
        with atomic(out, "wb") as file:
            file.write(model.SerializeToString())
        if faces is not None:
            return [differences, *costs(TorchNetwork(path), float32, out, faces, precision)]
    if precision == "fp32":
        return [differences]
    return [differences, f"the accuracy of {precision} was not measured: {reason}; name the data with --data PATH"]


def check_difference(module: ExportedModel, path: Path) -> str:
    """Compares the probabilities of a float32 file with torch's. Raises UserError for large differences."""
    if module.fixed:
        return check_fixed(module, path)
    same_size, resized = difference(module, path), difference(module, path, size=(100, 80))
    if same_size > TOLERANCE or resized > RESIZED_TOLERANCE:
        largest = max(same_size, resized)
        raise UserError(f"probabilities of the file differ from the checkpoint's by {largest:.4f}: not written")
    return f"largest difference from torch in float32: {same_size:.1e} at 48×48, {resized:.1e} resized from 80×100"


def check_fixed(module: ExportedModel, path: Path) -> str:
    """Compares the probabilities of a file for one picture of 48×48. Raises UserError for large differences."""
    largest = difference(module, path, batches=(1,))
    if largest > TOLERANCE:
        raise UserError(f"probabilities of the file differ from the checkpoint's by {largest:.4f}: not written")
    return f"largest difference from torch in float32: {largest:.1e} for one picture of 48×48, as the file takes"


def write_torch(network: TorchNetwork, path: Path, options: Options, out: Path, data: Data) -> list[str]:
    """Writes a torch.export program."""
    if options.precision != "fp32":
        raise UserError(f"--format torch comes in fp32; {options.precision} is for onnx (fp16 also for weights)")
    program = export_program(exported_model(network.classifier, network.temperature))
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={"metadata.json": json.dumps(description(network))})
    with atomic(out, "wb") as file:
        file.write(content.getbuffer())
    return ["torch.export.load(FILE).module()(images) answers; metadata.json in it has classes and preprocessing"]


def write_weights(network: TorchNetwork, path: Path, options: Options, out: Path, data: Data) -> list[str]:
    """Writes a checkpoint without optimizer and paths, and loads it as a check."""
    if options.precision == "int8":
        raise UserError("--format weights comes in fp32 and fp16; int8 is for onnx")
    with atomic(out, "wb") as file:
        torch.save(slim(checkpoint.read(path), network.temperature, options.precision == "fp16"), file)
    checkpoint.load(out)
    return ["a checkpoint without optimizer, paths and history"]


WRITERS = {"onnx": write_onnx, "torch": write_torch, "weights": write_weights}


def description(network: TorchNetwork) -> dict[str, Any]:
    """Returns the metadata of the file: classes, preprocessing and network."""
    classifier = network.classifier
    return {
        "classes": list(network.classes),
        "temperature": network.temperature,
        "preprocessing": onnx_file.STEPS,
        "size": SIZE,
        "mean": classifier.mean.item(),
        "std": classifier.std.item(),
        "tta": classifier.hparams.tta,
        "model": classifier.hparams.model["_target_"],
        "parameters": sum(p.numel() for p in classifier.model.parameters()),
    }


def calibration_faces(faces: ClassifierWithData | None, reason: str) -> np.ndarray:
    """Returns (N, 48, 48) uint8 training faces, evenly spread over the split. Raises UserError where there are none."""
    if faces is None:
        raise UserError(f"int8 takes its ranges from training faces, and {reason}; name the data with --data PATH")
    images = faces.split("train").images[:, 0].numpy()
    return images[:: max(1, len(images) // CALIBRATION_FACES)][:CALIBRATION_FACES]


def next_lines(kind: str, out: Path) -> list[str]:
    """Returns the command that uses the file."""
    if kind == "torch":
        return [f"next: {shlex.join(['python', '-c', f'import torch; torch.export.load({str(out)!r})'])}"]
    return [f"next: python -m fer.predict PICTURE --checkpoint {shlex.quote(str(out))}"]
