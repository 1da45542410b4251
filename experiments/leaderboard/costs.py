"""Measures what a network costs: parameters, operations, milliseconds a face."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from fer.classifier import Classifier
from fer.config import compose_config
from fer.data.emotions import EMOTIONS
from fer.exporting import onnx_file, timing
from fer.exporting.exported_model import exported_model
from fer.preprocess import SIZE
from fer.training.building import plain

Network = Mapping[str, Any]
"""Options of a Classifier: model (a node, or a name in conf/model), tta, crop, crop_to."""


def costs_of(networks: Sequence[Network]) -> dict[str, float]:
    """Returns parameters, and mflops of one view of a face: two for each multiply-add of convolutions and matrices."""
    parameters, flops = 0, 0
    for options in networks:
        with torch.device("meta"), FlopCounterMode(display=False) as counter:
            model = classifier(options).model.eval()
            model(torch.zeros(1, 1, SIZE, SIZE))
        parameters += sum(parameter.numel() for parameter in model.parameters())
        flops += counter.get_total_flops()
    return {"parameters": parameters, "mflops": flops / 1e6}


def milliseconds(networks: Mapping[str, Sequence[Network]]) -> dict[str, float]:
    """Returns name -> milliseconds a face of networks with random weights, see `fer.exporting.timing`."""
    contents = {
        name: [exported(json.dumps(options, sort_keys=True)) for options in members]
        for name, members in networks.items()
    }
    return timing.milliseconds(contents)


@cache
def exported(options: str) -> bytes:
    """Returns the content of the ONNX file, as fer.export writes it. options: those of a network, as JSON."""
    module = exported_model(classifier(json.loads(options)), None)
    return onnx_file.onnx_model(module, {}).SerializeToString()


def classifier(options: Network) -> Classifier:
    """Returns a classifier of FER2013's classes with random weights."""
    if isinstance(options["model"], str):
        options = {**options, "model": plain(compose_config([f"model={options['model']}"]).model)}
    node = {key: value for key, value in options["model"].items() if key not in ("pretrained", "freeze")}
    return Classifier(**{**options, "model": node}, classes=EMOTIONS)
