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


class PerSample(Dataset):
    """uint8 images (N, 48, 48) and labels (N,) or (N, C), each image made a PIL picture and transformed when asked."""

    def __init__(self, images: np.ndarray, labels: Tensor, transform: Callable[[Image.Image], Tensor]):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor]:
        return self.transform(Image.fromarray(self.images[row])), self.labels[row]


def affine(node: Node) -> v2.Transform:
    turn, shift, scale, shear = (node.get(name, 0) for name in ("rotation", "shift", "scale", "shear"))
    if not (shift or scale or shear):
        return v2.RandomRotation(turn, interpolation=LINEAR)
    factors = tuple(scale) if isinstance(scale, list | tuple) else (1 - scale, 1 + scale)
    return v2.RandomAffine(turn, (shift, shift) if shift else None, factors, shear or None, interpolation=LINEAR)


COUNTERPARTS: dict[str, Callable[[Node], v2.Transform]] = {
    "Flip": lambda node: v2.RandomHorizontalFlip(node.get("p", 0.5)),
    "Affine": affine,
    "Jitter": lambda node: v2.ColorJitter(node.get("brightness", 0.2), node.get("contrast", 0.2)),
    "Perspective": lambda node: v2.RandomPerspective(node.get("distortion", 0.2), node.get("p", 0.3), LINEAR),
    "Crop": lambda node: v2.RandomCrop(node.get("size", 44), node.get("padding", 0)),
}


def transforms(augment: Mapping[str, Node | None], mean: float, std: float) -> tuple[v2.Transform, list[str]]:
    """torchvision's counterpart of the transforms of `conf/augment`, then tensor and normalisation; and the names of
    those that have none, which are left out."""
    kinds = {name: node["_target_"].rpartition(".")[2] for name, node in augment.items() if node}
    chosen = [COUNTERPARTS[kind](augment[name]) for name, kind in kinds.items() if kind in COUNTERPARTS]
    finish = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([mean], [std])]
    return v2.Compose([*chosen, *finish]), [name for name, kind in kinds.items() if kind not in COUNTERPARTS]
