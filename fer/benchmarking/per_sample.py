"""A dataset that transforms faces one by one with torchvision, as its tutorials do."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import InterpolationMode, v2

Node = Mapping[str, Any]
LINEAR = InterpolationMode.BILINEAR


class FaceDataset(Dataset):
    """A map-style dataset whose items are a transformed image and its label.

    images: (N, 48, 48) uint8. labels: (N,) or (N, C). transform: applied to each image as a PIL picture.
    """

    def __init__(self, images: np.ndarray, labels: Tensor, transform: Callable[[Image.Image], Tensor]):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.transform(Image.fromarray(self.images[row])), self.labels[row]


def affine(node: Node) -> v2.Transform:
    """Returns torchvision's counterpart of `fer.augment.Affine`."""
    rotation, shift, scale, shear = (node.get(name, 0) for name in ("rotation", "shift", "scale", "shear"))
    if not (shift or scale or shear):
        return v2.RandomRotation(rotation, interpolation=LINEAR)
    factors = tuple(scale) if isinstance(scale, list | tuple) else (1 - scale, 1 + scale)
    return v2.RandomAffine(rotation, (shift, shift) if shift else None, factors, shear or None, interpolation=LINEAR)


COUNTERPARTS: dict[str, Callable[[Node], v2.Transform]] = {
    "Flip": lambda node: v2.RandomHorizontalFlip(node.get("p", 0.5)),
    "Affine": affine,
    "Jitter": lambda node: v2.ColorJitter(node.get("brightness", 0.2), node.get("contrast", 0.2)),
    "Perspective": lambda node: v2.RandomPerspective(node.get("distortion", 0.2), node.get("p", 0.3), LINEAR),
    "Crop": lambda node: v2.RandomCrop(node.get("size", 44), node.get("padding", 0)),
}


def transforms(augment: Mapping[str, Node | None], mean: float, std: float) -> tuple[v2.Transform, list[str]]:
    """Returns torchvision's counterpart of an option of `conf/augment`, and the names of transforms that have none.

    Conversion to a tensor and normalisation by `mean` and `std` follow the transforms. augment: name -> node of a
    transform, or None.
    """
    steps, missing = [], []
    for name, node in augment.items():
        if node is None:
            continue
        counterpart = COUNTERPARTS.get(node["_target_"].rpartition(".")[2])
        if counterpart is None:
            missing.append(name)
        else:
            steps.append(counterpart(node))
    steps += [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([mean], [std])]
    return v2.Compose(steps), missing
