"""Base class of the transforms, and how they draw their random parameters."""

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor, nn


class Transform(nn.Module):
    """Changes each image with probability p; subclasses say how. `ranges` are (low, high) of its parameters."""

    def __init__(self, *ranges: tuple[float, float], p: float = 1.0):
        super().__init__()
        self.ranges = ranges
        self.p = within("p", p, 0, 1)

    def sample(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(uniform(images, *limits) for limits in self.ranges)

    def transform(self, images: Tensor, *parameters: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        changed = self.transform(images, *self.sample(images))
        if self.p < 1:
            changed = torch.where(column(chance(images, self.p)), changed, images)
        return changed, labels


def uniform(images: Tensor, low: float, high: float, *shape: int) -> Tensor:
    """(N, *shape) numbers in [low, high), on the images' device."""
    return images.new_empty(len(images), *shape).uniform_(low, high)


def integers(images: Tensor, most: int | Tensor) -> Tensor:
    """(N,) int64 in [0, most]; `most` may differ between images."""
    return (uniform(images, 0, 1) * (most + 1)).long()


def chance(images: Tensor, p: float) -> Tensor:
    """(N,) bool, each true with probability p."""
    return uniform(images, 0, 1) < p


def column(values: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1), to meet images."""
    return values[:, None, None, None]


def within(name: str, value: float, low: float, high: float) -> float:
    if not (isinstance(value, Real) and low <= value <= high):
        raise ValueError(f"{name} must be in [{low}, {high}], got {value}")
    return value


def interval(name: str, pair: Sequence[float], high: float = math.inf) -> tuple[float, float]:
    if not (isinstance(pair, Sequence) and len(pair) == 2 and 0 < pair[0] <= pair[1] <= high):
        raise ValueError(f"{name} must be two increasing numbers in (0, {high}], got {pair}")
    return tuple(pair)


def spread(name: str, value: float, most: float, centre: float = 0.0) -> tuple[float, float]:
    """centre ± value, for a value in [0, most]."""
    within(name, value, 0, most)
    return centre - value, centre + value
