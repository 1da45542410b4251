"""Augmentations of whole batches on the batch's own device, every image with its own random parameters.

A transform is a module `forward(images, labels) -> (images, labels)`: images (N, C, H, W) float32 in [0, 1], labels
(N,) int64, or (N, num_classes) float32 once mixed. `sample(images)` draws the parameters, one row an image, and
`transform(images, *parameters)` is a plain function of them. All draws come from torch's global generator of the
device, and nothing waits for the device (no `.item()`, no boolean indexing). A new transform is one subclass of
`Transform` and one entry in a YAML of `conf/augment/`.
"""

import inspect

import torch
from torch import Tensor, nn

from fer.augment.covering import Erasing
from fer.augment.geometry import Affine, Crop, Flip, Perspective
from fer.augment.light import Blur, Gamma, Jitter, Noise
from fer.augment.mixing import CutMix, Mixup
from fer.augment.transform import Transform

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
    "Transform",
]


class Augment(nn.Module):
    """Runs named transforms in the order given.

    Each is a module or a mapping with `_target_`, to which `num_classes` is passed where its constructor takes it;
    None leaves a transform out. uint8 images become float32 in [0, 1]; with no transforms the batch is unchanged.
    """

    def __init__(self, num_classes: int, **transforms):
        super().__init__()
        kept = {name: node for name, node in transforms.items() if node is not None}
        self.transforms = nn.ModuleDict({name: build(node, num_classes) for name, node in kept.items()})

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.transforms and images.dtype == torch.uint8:
            images = images.float().div_(255)
        for transform in self.transforms.values():
            images, labels = transform(images, labels)
        # Interpolation overshoots by a rounding error.
        return images.clamp(0, 1) if self.transforms else images, labels


def build(node, num_classes: int) -> nn.Module:
    if isinstance(node, nn.Module):
        return node
    from hydra.utils import get_object, instantiate

    takes = inspect.signature(get_object(node["_target_"])).parameters
    derived = {"num_classes": num_classes} if "num_classes" in takes else {}
    return instantiate(node, **derived, _convert_="all")
