"""A file that `fer.export` wrote as a `Network`, run by onnxruntime; torch is not imported."""

import json
from pathlib import Path

import numpy as np

from fer.errors import UserError

MARK = "fer.export"
"""The producer's name in the file."""


class OnnxNetwork:
    """Raises UserError where onnxruntime is missing or the file is none of ours."""

    def __init__(self, path: Path):
        if not path.is_file():
            raise UserError(f"no such file: {path}; python -m fer.export CHECKPOINT writes one")
        try:
            import onnxruntime
        except ModuleNotFoundError:
            raise UserError(f"{path} needs onnxruntime: pip install 'fer-lightning[export]'") from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what goes wrong is raised as well
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # leaves the cores to the decoders
        try:
            self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a dozen kinds
            raise UserError(f"{path}: not an ONNX file that onnxruntime can load") from error
        known = self.session.get_modelmeta().custom_metadata_map
        if known.get("producer") != MARK:
            raise UserError(f"{path}: not written by fer.export, so its classes and pixels are unknown")
        self.name = str(path)
        self.classes = tuple(json.loads(known["classes"]))
        self.temperature = json.loads(known["temperature"])

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        return self.session.run(["probabilities"], {"images": np.ascontiguousarray(faces[:, None])})[0]
