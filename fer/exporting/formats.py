"""Exports a checkpoint as ONNX, torch.export or bare weights, and checks the file that it wrote."""

import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fer.errors import UserError
from fer.files import atomic

if TYPE_CHECKING:
    from fer.evaluation.pixels import Pixels
    from fer.prediction.torch_network import TorchNetwork

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2", "weights": ".pt"}
TOLERANCE = 1e-4  # between probabilities in torch and in the file, in float32
ROUNDED = 1e-2  # the same for resized pictures, of which a rare pixel rounds to the next grey level
CALIBRATION = 512  # training faces that int8 takes its ranges from


def export(checkpoint: Path, kind: str, precision: str, data: list[str] | None, out: Path | None) -> Path:
    """Writes the file and says what it is worth; returns its path. Raises UserError for what cannot be exported."""
    from fer.prediction.network import about, checkpoint_at
    from fer.prediction.outputs import made, writing
    from fer.prediction.torch_network import TorchNetwork

    path = checkpoint_at(checkpoint)
    network = TorchNetwork(path)
    out = out or path.with_suffix(f"{'' if precision == 'fp32' else '.' + precision}{SUFFIXES[kind]}")
    if out.exists() and out.samefile(path):
        raise UserError(f"{out} would replace the checkpoint; choose another with --out FILE")
    print(about(network), flush=True)
    made(out.parent)
    with writing(out):
        lines = WRITERS[kind](network, path, precision, data, out)
    size = out.stat().st_size
    print("\n".join([*lines, f"wrote {out}: {size / 1e6:.2f} MB, {precision}", *following(kind, out)]))
    return out


def write_onnx(network: "TorchNetwork", path: Path, precision: str, data: list[str] | None, out: Path) -> list[str]:
    """Sentences on how like the file is to the network."""
    from tempfile import TemporaryDirectory

    from fer.exporting import onnx_file
    from fer.exporting.parity import costs, difference
    from fer.prediction.torch_network import TorchNetwork

    pixels, lacking = (None, "") if precision == "fp32" and not data else at_hand(path, data)
    if precision == "int8" and pixels is None:
        raise UserError(f"int8 takes its ranges from training faces, and {lacking}; name the data with --data PATH")
    module = onnx_file.whole(network.classifier, network.temperature)
    model = onnx_file.onnx_model(onnx_file.exported(module), {**description(network), "precision": precision})
    with TemporaryDirectory() as folder:
        plain = Path(folder) / "fp32.onnx"
        plain.write_bytes(model.SerializeToString())
        off, resized = difference(module, plain), difference(module, plain, size=(100, 80))
        if off > TOLERANCE or resized > ROUNDED:
            raise UserError(
                f"probabilities of the file differ from the checkpoint's by {max(off, resized):.4f}: not written"
            )
        if precision == "fp16":
            model = onnx_file.halved(model)
        elif precision == "int8":
            model = onnx_file.quantized(model, calibration_faces(pixels), Path(folder))
        with atomic(out, "wb") as file:
            file.write(model.SerializeToString())
        lines = [f"largest difference from torch in float32: {off:.1e} at 48×48, {resized:.1e} resized from 80×100"]
        if pixels is not None:
            return [*lines, *costs(TorchNetwork(path), plain, out, pixels, precision)]
    if precision != "fp32":
        lines.append(f"what {precision} costs was not measured: {lacking}; name the data with --data PATH")
    return lines


def write_torch(network: "TorchNetwork", path: Path, precision: str, data: list[str] | None, out: Path) -> list[str]:
    import json

    import torch

    from fer.exporting import onnx_file

    if precision != "fp32":
        raise UserError(f"--format torch comes in fp32; {precision} is for onnx (fp16 also for weights)")
    program = onnx_file.exported(onnx_file.whole(network.classifier, network.temperature))
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={"metadata.json": json.dumps(description(network))})
    with atomic(out, "wb") as file:
        file.write(content.getbuffer())
    return ["torch.export.load(FILE).module()(images) answers; metadata.json in it has classes and preprocessing"]


def write_weights(network: "TorchNetwork", path: Path, precision: str, data: list[str] | None, out: Path) -> list[str]:
    import torch

    from fer import checkpoint
    from fer.exporting.slim import slim

    if precision == "int8":
        raise UserError("--format weights comes in fp32 and fp16; int8 is for onnx")
    with atomic(out, "wb") as file:
        torch.save(slim(checkpoint.read(path), network.temperature, precision == "fp16"), file)
    checkpoint.load(out)
    return ["a checkpoint without optimizer, paths and history"]


WRITERS = {"onnx": write_onnx, "torch": write_torch, "weights": write_weights}


def description(network: "TorchNetwork") -> dict[str, Any]:
    """What a user of the file has to know."""
    from fer.exporting.onnx_file import STEPS
    from fer.preprocess import SIZE

    classifier = network.classifier
    return {
        "classes": list(network.classes),
        "temperature": network.temperature,
        "preprocessing": STEPS,
        "size": SIZE,
        "mean": classifier.mean.item(),
        "std": classifier.std.item(),
        "tta": classifier.hparams.tta,
        "model": classifier.hparams.model["_target_"],
        "parameters": sum(p.numel() for p in classifier.model.parameters()),
    }


def at_hand(path: Path, data: list[str] | None) -> tuple["Pixels | None", str]:
    """The faces of --data, or those of the training if they are still there; else why not."""
    from fer.evaluation import inputs, pixels
    from fer.evaluation.records import record_of

    try:
        source = pixels.of_checkpoint(path, data, None, None)
    except UserError as error:
        if data:
            raise
        return None, str(error)
    other = "" if data else inputs.other_data(source, record_of(path.absolute().parent.parent))
    return (None, other) if other else (source, "")


def calibration_faces(pixels: "Pixels"):
    """(N, 48, 48) uint8 training faces, evenly spread."""
    images = pixels.split("train").images[:, 0].numpy()
    return images[:: max(1, len(images) // CALIBRATION)][:CALIBRATION]


def following(kind: str, out: Path) -> list[str]:
    if kind == "torch":
        return [f"next: {shlex.join(['python', '-c', f'import torch; torch.export.load({str(out)!r})'])}"]
    return [f"next: python -m fer.predict PICTURE --checkpoint {shlex.quote(str(out))}"]
