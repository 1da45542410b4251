"""Base class of the transforms, random draws for each image, and checks of options."""

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn


class Transform(nn.Module):
    """Base class: transforms each image with probability `p` in [0, 1].

    Subclasses define `transform(images, *parameters)`, a plain function of the parameters that `sample(images)` draws.

    ranges: (low, high) of each parameter, from which the default `sample` draws uniformly.
    """

    transform: Callable[..., Tensor]

    def __init__(self, *ranges: tuple[float, float], p: float = 1.0):
        super().__init__()
        self.ranges = ranges
        self.p: float = check_range("p", p, 0, 1)

    def sample(self, images: Tensor) -> tuple[Tensor, ...]:
        """Returns the parameters of `transform`, one row for each image."""
        return tuple(uniform(images, low, high) for low, high in self.ranges)

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        transformed = self.transform(images, *self.sample(images))
        if self.p < 1:
            transformed = torch.where(expand_dims(bernoulli(images, self.p)), transformed, images)
        return transformed, labels


def uniform(images: Tensor, low: float, high: float, *shape: int) -> Tensor:
    """Returns (N, *shape) numbers in [low, high) on the images' device."""
    return images.new_empty(len(images), *shape).uniform_(low, high)


def random_integers(images: Tensor, maximum: int | Tensor) -> Tensor:
    """Returns (N,) int64 in [0, maximum]; `maximum` may be (N,)."""
    return (uniform(images, 0, 1) * (maximum + 1)).long()


def bernoulli(images: Tensor, p: float) -> Tensor:
    """Returns (N,) bool, each true with probability p."""
    return uniform(images, 0, 1) < p


def expand_dims(values: Tensor) -> Tensor:
    """Returns (N,) values as (N, 1, 1, 1), which broadcasts over images."""
    return values[:, None, None, None]


def check_range(name: str, value: Any, low: float, high: float) -> Any:
    """Returns `value`. Raises ValueError unless it is a number in [low, high]."""
    if not (isinstance(value, Real) and low <= float(value) <= high):
        raise ValueError(f"{name} must be in [{low}, {high}], got {value}")
    return value


def check_interval(name: str, pair: Any, high: float = math.inf) -> tuple[Any, Any]:
    """Returns `pair` as a tuple. Raises ValueError unless it is two increasing numbers in (0, high]."""
    if not (isinstance(pair, Sequence) and len(pair) == 2 and 0 < pair[0] <= pair[1] <= high):
        raise ValueError(f"{name} must be two increasing numbers in (0, {high}], got {pair}")
    return pair[0], pair[1]


def symmetric_range(name: str, value: Any, maximum: float, centre: float = 0.0) -> tuple[float, float]:
    """Returns centre ± value. Raises ValueError unless `value` is in [0, maximum]."""
    check_range(name, value, 0, maximum)
    return centre - value, centre + value
