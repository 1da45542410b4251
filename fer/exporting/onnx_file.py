"""Exports a checkpoint as one ONNX file: pixels in, probabilities out."""

import copy
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer.classifier import Classifier
from fer.errors import UserError
from fer.prediction.onnx_network import MARK
from fer.preprocess import SIZE

INSTALL = "pip install 'fer-lightning[export]'"
STEPS = (
    "images: uint8 (batch, 1, height, width), grey by ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B), upright, a square "
    "around the face as OpenCV's haarcascade_frontalface_alt2 finds it. Inside: bilinear antialiased resize to 48×48, "
    "division by 255, minus mean, divided by std, network, division by temperature, softmax. probabilities: float32 "
    "(batch, classes) in the order of classes."
)
LARGE = 16  # values from which on a constant is worth halving


class Whole(nn.Module):
    """resize – normalise – network – temperature – softmax, the same on any batch and any size of picture."""

    def __init__(self, classifier: Classifier, temperature: float):
        super().__init__()
        self.classifier, self.temperature = classifier, temperature

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) uint8 -> (B, C) float32, rows sum to 1."""
        pixels = F.interpolate(images.float(), size=(SIZE, SIZE), mode="bilinear", antialias=True)
        pixels = pixels.round().clamp(0, 255) / 255  # whole grey levels, as pictures have
        return (self.classifier.logits(pixels) / self.temperature).softmax(1)


def whole(classifier: Classifier, temperature: float | None) -> Whole:
    """On the CPU, in float32 and in the plain memory format, whatever it was trained in."""
    classifier = classifier.cpu().float().eval()
    classifier.model.to(memory_format=torch.contiguous_format)
    classifier.memory_format = torch.contiguous_format
    return Whole(classifier, temperature or 1.0).eval()


def fused(module: Whole) -> Whole:
    """A copy of `module` with the network's form for use, where the network has a method `fused`; else `module`."""
    fuse = getattr(module.classifier.model, "fused", None)
    if not callable(fuse):
        return module
    module = copy.deepcopy(module)
    module.classifier.model = fuse()
    return module


def exported(module: Whole) -> torch.export.ExportedProgram:
    """By torch.export, in the form for use, with batch, height and width free.

    Raises UserError for a network that cannot be traced.
    """
    module = fused(module)
    sizes = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    example = torch.randint(0, 256, (2, 1, 60, 52), dtype=torch.uint8)  # neither 1 nor equal, lest it is taken as fixed
    try:
        with torch.no_grad():
            return torch.export.export(module, (example,), dynamic_shapes=({**sizes},), strict=False)
    except Exception as error:  # the tracer has a dozen kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise UserError(f"{type(module.classifier.model).__name__} cannot be exported ({reason})") from error


def onnx_model(program: torch.export.ExportedProgram, known: dict[str, Any]) -> Any:
    """An onnx.ModelProto of an exported program, `known` in its metadata as JSON."""
    try:
        import onnxscript  # noqa: F401 (torch.onnx needs it and says so at length)
    except ModuleNotFoundError:
        raise UserError(f"the ONNX export needs onnxscript: {INSTALL}") from None
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(
            program, input_names=["images"], output_names=["probabilities"], dynamo=True, verbose=False
        )
    model = made.model_proto
    for name, value in {"producer": MARK, **known}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=name, value=text)
    del model.graph.metadata_props[:]
    for node in model.graph.node:  # where each node came from in our files: longer than a small network
        del node.metadata_props[:]
        node.doc_string = ""
        if node.op_type == "Resize":
            resize_as_torch(node)
    return model


def resize_as_torch(node: Any) -> None:
    """Makes antialiasing weigh only pixels of the picture, as torch and Pillow do. The exporter leaves ONNX's default,
    which repeats the border: on noise, grey levels along the edges are then off by up to 15."""
    for attribute in node.attribute:
        if attribute.name == "exclude_outside":
            attribute.i = 1


def halved(model: Any) -> Any:
    """With float32 weights kept as float16 and widened on loading: half the size, computed in float32 as before."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model, nodes = onnx.ModelProto.FromString(model.SerializeToString()), []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.clip(-65504, 65504).astype(np.float16), f"{name}.half"))
        nodes.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


def quantized(model: Any, faces: np.ndarray, folder: Path) -> Any:
    """With weights and activations of convolutions and linear layers in int8, ranges taken from (N, 48, 48) uint8
    training faces; weights have a range for each channel. `folder` is for files in between.

    On FER2013, cnn2: 97 % of the answers stay; with the eighth bit of weights 90 %."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.batches = iter(np.array_split(faces[:, None], max(1, len(faces) // 32)))

        def get_next(self):
            return next(({"images": batch} for batch in self.batches), None)

    plain, small = folder / "plain.onnx", folder / "int8.onnx"
    onnx.save(model, plain)
    logging.getLogger().setLevel(logging.ERROR)  # its advice to preprocess; nothing is left to fold here
    quantize_static(
        plain,
        small,
        Reader(),
        op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        per_channel=True,
        reduce_range=True,  # 7 bits of weights: with 8, sums overflow on processors without VNNI instructions
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    return onnx.load(small)
