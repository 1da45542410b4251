"""Runs a checkpoint as a `Network`, with torch."""

from pathlib import Path

import numpy as np
import torch

from fer import checkpoint
from fer.evaluation.tta import evaluation_mode
from fer.prediction.temperature import calibration_for


class TorchNetwork:
    """The classifier of a checkpoint on the machine's accelerator, with the temperature of its run.

    Raises UserError if the file is no checkpoint of fer.
    """

    def __init__(self, path: Path):
        content = checkpoint.read(path)
        self.name = str(path)
        self.classifier = checkpoint.build(content, path)
        self.classes = self.classifier.classes
        self.temperature, self.remark = calibration_for(path, content)
        device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
        self.classifier.to(device)

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        with evaluation_mode(self.classifier), torch.inference_mode():
            images = torch.from_numpy(np.ascontiguousarray(faces))[:, None].to(self.classifier.device)
            return (self.classifier.logits(images) / (self.temperature or 1.0)).softmax(1).cpu().numpy()
