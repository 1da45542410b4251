"""Builds the ONNX model of a classifier: pixels in, probabilities out."""

import json
import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from fer.errors import UserError
from fer.exporting.exported_model import AXES, ExportedModel, example_of, export_program, first_line, fuse
from fer.log_levels import log_level
from fer.prediction.onnx_network import PRODUCER
from fer.prediction.onnx_worker import INPUT, OUTPUT

INSTALL = "pip install 'fer-lightning[export]'"
STEPS = (
    "images: uint8 (batch, 1, height, width), grey by ITU-R 601 luma (0.299 R + 0.587 G + 0.114 B), upright, a square "
    "around the face as OpenCV's haarcascade_frontalface_alt2 finds it. Inside: bilinear antialiased resize to 48×48, "
    "division by 255, minus mean, divided by std, network, division by temperature, softmax. probabilities: float32 "
    "(batch, classes) in the order of classes."
)
FIRST_OPSET = 18
"""The oldest version that torch's exporter writes by itself, and the first with antialiased resizing."""


def onnx_model(module: ExportedModel, metadata: dict[str, Any], opset: int | None = None) -> Any:
    """Converts a module to an onnx.ModelProto of version `opset`, with `metadata` in it as JSON.

    Raises UserError if there is no such version, or the exporter cannot write the network in it.
    """
    try:
        import onnxscript  # noqa: F401 (without it torch.onnx raises a long message)
    except ModuleNotFoundError:
        raise UserError(f"the ONNX export needs onnxscript: {INSTALL}") from None
    with warnings.catch_warnings(), log_level(logging.ERROR, "torch.onnx"):
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
        program = torch.onnx.export(
            export_program(module),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamo=True,
            verbose=False,
            opset_version=opset,
        )
        assert program is not None  # as dynamo=True
        return program.model_proto
    except UserError:
        raise
    except Exception as error:  # the exporters raise a dozen types
        if opset is None:
            raise
        raise UserError(f"--opset {opset}: torch cannot write this version ({first_line(error)})") from error


def converted_by_tracing(module: ExportedModel, opset: int) -> Any:
    """Returns a fixed module as an onnx.ModelProto, written by torch's older exporter, which knows older versions."""
    import onnx

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            fuse(module),
            (example_of(module),),
            path,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamo=False,
            opset_version=opset,
        )
        return onnx.load(path)


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
