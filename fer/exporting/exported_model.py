"""A classifier as it is exported: pixels in, probabilities out, and its program as torch traces it."""

import copy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from fer.classifier import Classifier
from fer.errors import UserError
from fer.prediction.inference_form import inference_form
from fer.preprocess import SIZE

AXES = {0: "batch", 2: "height", 3: "width"}


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

    fixed: for one picture of 48×48, without resizing. folded: whether normalisations become part of the convolutions.
    """

    mirror: Tensor

    def __init__(self, classifier: Classifier, temperature: float, fixed: bool = False, folded: bool = True):
        super().__init__()
        self.classifier, self.temperature, self.fixed, self.folded = classifier, temperature, fixed, folded
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


def exported_model(
    classifier: Classifier, temperature: float | None, fixed: bool = False, folded: bool = True
) -> ExportedModel:
    """Returns the classifier as an ExportedModel on the CPU, in float32 and the contiguous memory format."""
    classifier = classifier.cpu().float().eval()
    classifier.model.to(memory_format=torch.contiguous_format)
    classifier.memory_format = torch.contiguous_format
    return ExportedModel(classifier, temperature or 1.0, fixed, folded).eval()


def fuse(module: ExportedModel) -> ExportedModel:
    """Returns a copy with the inference form of the network."""
    module = copy.deepcopy(module)
    module.classifier.model = inference_form(module.classifier.model, module.folded)
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


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
