"""Builds the ONNX model of a classifier: pixels in, probabilities out."""

import copy
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fer.classifier import Classifier
from fer.errors import UserError
from fer.prediction.onnx_network import PRODUCER
from fer.preprocess import SIZE

INSTALL = "pip install 'fer-lightning[export]'"
STEPS = (
    "images: uint8 (batch, 1, height, width), grey by ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B), upright, a square "
    "around the face as OpenCV's haarcascade_frontalface_alt2 finds it. Inside: bilinear antialiased resize to 48×48, "
    "division by 255, minus mean, divided by std, network, division by temperature, softmax. probabilities: float32 "
    "(batch, classes) in the order of classes."
)
FIRST_OPSET = 18
"""The oldest version that torch's exporter writes by itself, and the first with antialiased resizing."""
NAMES = {"input_names": ["images"], "output_names": ["probabilities"]}
AXES = {0: "batch", 2: "height", 3: "width"}
CALIBRATION_BATCH = 32  # faces, where the file takes any number
MIN_HALVED = 16  # smaller tensors stay in float32


class Mirror(TorchFunctionMode):
    """Computes mirror images as a product with `matrix`, exactly: OpenCV's DNN cannot read rows backwards."""

    def __init__(self, matrix: Tensor):
        super().__init__()
        self.matrix = matrix

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is Tensor.flip:
            return args[0] @ self.matrix
        return function(*args, **(kwargs or {}))


class ExportedModel(nn.Module):
    """Resizing, normalisation, network, temperature and softmax in one module, for any batch and picture size.

    fixed: for one picture of 48×48, without resizing.
    """

    def __init__(self, classifier: Classifier, temperature: float, fixed: bool = False):
        super().__init__()
        self.classifier, self.temperature, self.fixed = classifier, temperature, fixed
        if fixed:
            width = classifier.hparams.crop_to if classifier.hparams.tta == "tencrop" else SIZE
            self.register_buffer("mirror", torch.eye(width).flip(0))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) uint8 -> (B, C) float32, rows sum to 1."""
        if self.fixed:
            with Mirror(self.mirror):
                return (self.classifier.logits(images.float() / 255) / self.temperature).softmax(1)
        pixels = F.interpolate(images.float(), size=(SIZE, SIZE), mode="bilinear", antialias=True)
        pixels = pixels.round().clamp(0, 255) / 255  # integer grey levels, as pictures have
        return (self.classifier.logits(pixels) / self.temperature).softmax(1)


def exported_model(classifier: Classifier, temperature: float | None, fixed: bool = False) -> ExportedModel:
    """Returns the classifier as an ExportedModel on the CPU, in float32 and the contiguous memory format."""
    classifier = classifier.cpu().float().eval()
    classifier.model.to(memory_format=torch.contiguous_format)
    classifier.memory_format = torch.contiguous_format
    return ExportedModel(classifier, temperature or 1.0, fixed).eval()


def fuse(module: ExportedModel) -> ExportedModel:
    """Returns a copy with the network's inference form if the network has a method `fused`, else `module` itself."""
    fused = getattr(module.classifier.model, "fused", None)
    if not callable(fused):
        return module
    module = copy.deepcopy(module)
    module.classifier.model = fused()
    return module


def export_program(module: ExportedModel) -> torch.export.ExportedProgram:
    """Traces the inference form with torch.export; batch, height and width are dynamic unless the module is fixed.

    Raises UserError for a network that cannot be traced.
    """
    module = fuse(module)
    sizes = {} if module.fixed else {axis: torch.export.Dim(name) for axis, name in AXES.items()}
    try:
        with torch.no_grad():
            return torch.export.export(module, (example_of(module),), dynamic_shapes=(sizes,), strict=False)
    except Exception as error:  # the tracer raises a dozen types
        name = type(module.classifier.model).__name__
        raise UserError(f"{name} cannot be exported ({first_line(error)})") from error


def example_of(module: ExportedModel) -> Tensor:
    """Returns pictures to trace a module with; sizes of 1, and equal ones, would count as fixed."""
    shape = (1, 1, SIZE, SIZE) if module.fixed else (2, 1, 60, 52)
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def onnx_model(module: ExportedModel, metadata: dict[str, Any], opset: int | None = None) -> Any:
    """Converts a module to an onnx.ModelProto of version `opset`, with `metadata` in it as JSON.

    Raises UserError if there is no such version, or the exporter cannot write the network in it.
    """
    try:
        import onnxscript  # noqa: F401 (without it torch.onnx raises a long message)
    except ModuleNotFoundError:
        raise UserError(f"the ONNX export needs onnxscript: {INSTALL}") from None
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = converted(module, opset)
    if opset not in (None, version_of(model)):  # the exporter leaves what it cannot convert as it is
        raise UserError(f"--opset {opset}: torch writes this network in version {version_of(model)} instead")
    name_axes(model)
    for name, value in {"producer": PRODUCER, **metadata}.items():
        text = value if isinstance(value, str) else json.dumps(value)
        model.metadata_props.add(key=name, value=text)
    del model.graph.metadata_props[:]
    for node in model.graph.node:  # the source lines of each node, larger than a small network
        del node.metadata_props[:]
        node.doc_string = ""
        if node.op_type == "Resize":
            exclude_border(node)
    return model


def converted(module: ExportedModel, opset: int | None) -> Any:
    """Returns a module as an onnx.ModelProto of version `opset`, by default the exporter's. Raises UserError."""
    if opset is not None and opset < FIRST_OPSET and not module.fixed:
        raise UserError(f"--opset {opset}: resizing needs {FIRST_OPSET} or more; --fixed does without it")
    try:
        if opset is not None and opset < FIRST_OPSET:
            return converted_by_tracing(module, opset)
        program = export_program(module)
        return torch.onnx.export(program, **NAMES, dynamo=True, verbose=False, opset_version=opset).model_proto
    except UserError:
        raise
    except Exception as error:  # the exporters raise a dozen types
        if opset is None:
            raise
        raise UserError(f"--opset {opset}: torch cannot write this version ({first_line(error)})") from error


def converted_by_tracing(module: ExportedModel, opset: int) -> Any:
    """Returns a fixed module as an onnx.ModelProto, written by torch's older exporter, which knows older versions."""
    import onnx

    file = io.BytesIO()
    torch.onnx.export(fuse(module), (example_of(module),), file, **NAMES, dynamo=False, opset_version=opset)
    return onnx.load_from_string(file.getvalue())


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def version_of(model: Any) -> int:
    """Returns the version of ONNX's own operators in a model."""
    return next(item.version for item in model.opset_import if item.domain in ("", "ai.onnx"))


def name_axes(model: Any) -> None:
    """Calls the dynamic axes of a model batch, height and width; the exporter numbers them."""
    graph, axes = model.graph, model.graph.input[0].type.tensor_type.shape.dim
    names = {axes[index].dim_param: name for index, name in AXES.items() if axes[index].dim_param}
    for value in (*graph.input, *graph.output, *graph.value_info):
        for axis in value.type.tensor_type.shape.dim:
            if axis.dim_param in names:
                axis.dim_param = names[axis.dim_param]


def exclude_border(node: Any) -> None:
    """Makes a Resize node weigh only pixels inside the picture, as torch and Pillow do.

    The exporter keeps ONNX's default, which repeats the border. On noise, grey levels along the edges are then wrong
    by up to 15.
    """
    for attribute in node.attribute:
        if attribute.name == "exclude_outside":
            attribute.i = 1


def halve(model: Any) -> Any:
    """Returns a copy that stores float32 weights as float16 and casts them back: half the size, float32 arithmetic."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model, nodes = onnx.ModelProto.FromString(model.SerializeToString()), []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < MIN_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.clip(-65504, 65504).astype(np.float16), f"{name}.half"))
        nodes.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])
    return model


def quantize(model: Any, faces: np.ndarray, folder: Path) -> Any:
    """Returns a model whose convolutions and linear layers have weights and activations in int8.

    Args:
        model: the float32 onnx.ModelProto.
        faces: (N, 48, 48) uint8 training faces, which give the ranges; weights have a range for each channel.
        folder: where temporary files go.

    On FER2013 with cnn2, 97 % of the predicted classes stay the same; with the eighth bit of the weights, 90 %.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or CALIBRATION_BATCH
            self.batches = iter(np.array_split(faces[:, None], max(1, len(faces) // batch)))

        def get_next(self):
            return next(({"images": batch} for batch in self.batches), None)

    float32, small = folder / "plain.onnx", folder / "int8.onnx"
    onnx.save(model, float32)
    logging.getLogger().setLevel(logging.ERROR)  # hides the advice to preprocess; there is nothing to fold
    quantize_static(
        float32,
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
