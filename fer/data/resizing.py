"""Progressive resizing: trains on small pictures first (Howard 2018, fast.ai's entry to DAWNBench)."""

from collections.abc import Mapping
from numbers import Integral

import torch.nn.functional as F
from torch import Tensor

from fer.errors import UserError
from fer.preprocess import SIZE

SMALLEST = 8


class Resizing:
    """Side of the training pictures, in pixels, from an epoch on (the first is 0): {0: 24, 10: 48}. Before the first
    epoch named they keep their own. A convolution's work grows with the square of the side.

    Raises UserError for what is no mapping, for epochs below 0 and for sides that are not in [8, 48].
    """

    def __init__(self, sides: Mapping[int, int] | None):
        if not isinstance(sides, Mapping | None):
            raise UserError(f"data.progressive_resizing={sides}: expected epochs and pixels, such as {{0: 24}}")
        self.sides = dict(sorted((sides or {}).items()))
        for epoch, side in self.sides.items():
            if not (isinstance(epoch, Integral) and epoch >= 0 and isinstance(side, Integral)):
                raise UserError(
                    f"data.progressive_resizing={self.sides}: expected epochs and pixels, such as {{0: 24}}"
                )
            if not SMALLEST <= side <= SIZE:
                raise UserError(
                    f"data.progressive_resizing: side {side} is not in [{SMALLEST}, {SIZE}]; give a side in this range"
                )

    def side(self, epoch: int) -> int | None:
        """Returns the side in an epoch, or None before the first epoch that is named."""
        begun = [side for start, side in self.sides.items() if start <= epoch]
        return begun[-1] if begun else None

    def work(self, start: int, end: int) -> float:
        """Returns the work of the epochs from `start` to before `end`, in epochs at full size."""
        return sum(((self.side(epoch) or SIZE) / SIZE) ** 2 for epoch in range(start, end))

    def __call__(self, images: Tensor, epoch: int) -> Tensor:
        """(B, 1, H, W) uint8 in 0–255 or float -> (B, 1, side, side), each pixel the mean of those it covers; float32
        in [0, 1] of uint8, unless they keep their size."""
        side = self.side(epoch)
        if side is None or images.shape[-1] == side:
            return images
        if not images.is_floating_point():
            images = images.float() / 255
        return F.interpolate(images, size=(side, side), mode="area")
