"""Runs a checkpoint as a `Network`, with torch."""

import copy
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fer import checkpoint
from fer.classifier import Classifier
from fer.hardware import cpu_has_bf16
from fer.prediction.inference_form import inference_form
from fer.prediction.network import Network
from fer.prediction.temperature import calibration_for
from fer.tta import VIEWS
from fer.views import views

IMAGES = 64
"""Images that the network sees at a time on a CPU, all views of a face among them: more leave its caches."""


class TorchNetwork(Network):
    """The classifier of a checkpoint on the machine's accelerator, with the temperature of its run.

    tta: the views of each face, a key of `fer.tta.VIEWS`; None for those of the checkpoint. Raises UserError if the
    file is no checkpoint of fer.
    """

    def __init__(self, path: Path, tta: str | None = None):
        content = checkpoint.read(path)
        self.name = str(path)
        self.classifier = checkpoint.build(content, path)
        self.classifier.hparams.tta = tta or self.classifier.hparams.tta
        self.classes = self.classifier.classes
        self.temperature, self.remark = calibration_for(path, content)
        device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
        self.classifier.to(device)
        self.half = False

    @cached_property
    def form(self) -> Classifier:
        """The classifier with the inference form of its network, and on a CPU in the memory format that is faster."""
        classifier = copy.deepcopy(self.classifier).eval()
        classifier.model = inference_form(classifier.model)
        if classifier.device.type == "cpu":
            classifier.memory_format = torch.channels_last
        classifier.model.to(memory_format=classifier.memory_format)
        return classifier

    def use_bfloat16(self) -> bool:
        """Computes convolutions and linear layers in bfloat16 from now on, on a CPU with instructions for it."""
        self.half = self.classifier.device.type == "cpu" and cpu_has_bf16()
        self.precision = "bfloat16" if self.half else "float32"
        return self.half

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        images = torch.from_numpy(np.ascontiguousarray(faces))[:, None]
        with torch.inference_mode(), torch.autocast(self.classifier.device.type, torch.bfloat16, enabled=self.half):
            logits = torch.cat([self._logits(part) for part in images.split(self._batch(len(images)))])
            return (logits / (self.temperature or 1.0)).softmax(1).cpu().numpy()

    def _logits(self, images: Tensor) -> Tensor:
        """(B, 1, 48, 48) -> (B, C) float32: means over the views, which the network sees in one batch."""
        settings = self.classifier.hparams
        turned = list(views(images.to(self.classifier.device), settings.tta, settings.crop, settings.crop_to))
        return self.form(torch.cat(turned)).float().unflatten(0, (len(turned), len(images))).mean(0)

    def _batch(self, count: int) -> int:
        """Returns the number of faces in a batch: on a CPU few, on an accelerator all."""
        if self.classifier.device.type != "cpu":
            return max(1, count)
        return max(1, IMAGES // VIEWS[self.classifier.hparams.tta])
