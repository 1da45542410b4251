"""Augmentations of whole batches on the batch's own device, every image with its own random parameters.

A transform is a module `forward(images, labels) -> (images, labels)` or `forward(images) -> images`, told apart by its
signature: images (N, C, H, W) float32 in [0, 1], labels (N,) int64, or (N, num_classes) float32 once mixed. In those of
this package, `sample(images)` draws the parameters, one row for each image, and `transform(images, *parameters)` is a
plain function of them. All draws come from torch's global generator of the device, and nothing waits for the device (no
`.item()`, no boolean indexing). To add a transform, write a subclass of `Transform`, or any such module of your own,
and name it in a YAML of `conf/augment/`.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fer.augment.erasing import Erasing
from fer.augment.geometry import Affine, Crop, Flip, Perspective, ResizedCrop
from fer.augment.mixing import CutMix, Mixup
from fer.augment.photometric import Blur, Gamma, Jitter, Noise
from fer.augment.transform import Transform
from fer.build import build, of_kind

__all__ = [
    "Affine",
    "Augment",
    "Blur",
    "Crop",
    "CutMix",
    "Erasing",
    "Flip",
    "Gamma",
    "Jitter",
    "Mixup",
    "Noise",
    "Perspective",
    "ResizedCrop",
    "Transform",
]


class Augment(nn.Module):
    """Applies named transforms one after the other, in the order of the arguments.

    Each is a module or a mapping with `_target_`, to which `num_classes` is offered; None and False leave
    one out. uint8 images become float32 in [0, 1]. Without transforms the batch is returned unchanged.
    """

    def __init__(self, num_classes: int, **transforms):
        super().__init__()
        self.transforms = nn.ModuleDict()
        for name, node in transforms.items():
            if node is not None and node is not False:
                self.transforms[name] = build_transform(node, num_classes, f"augment.{name}")
        self.with_labels = {name for name, transform in self.transforms.items() if takes_labels(transform)}

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.transforms and images.dtype == torch.uint8:
            images = images.float().div_(255)
        for name, transform in self.transforms.items():
            if name in self.with_labels:
                images, labels = transform(images, labels)
            else:
                images = transform(images)
        if self.transforms:
            images = images.clamp(0, 1)  # interpolation may leave the range by a rounding error
        return images, labels


def build_transform(node: nn.Module | Mapping[str, Any], num_classes: int, where: str) -> nn.Module:
    """Returns the transform that `node` describes; raises BuildError, which names `where`, if it is no module."""
    if isinstance(node, nn.Module):
        return node
    return of_kind(build(node, where=where, num_classes=num_classes), nn.Module, node, where)


def takes_labels(transform: nn.Module) -> bool:
    """Returns whether the signature of a transform is `(images, labels)` instead of `(images)`."""
    parameters = inspect.signature(transform.forward).parameters.values()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    required = [p for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty]
    return len(required) > 1
