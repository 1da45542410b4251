"""Random erasing: hides a part of each face."""

import math

import torch
from torch import Tensor

from fer.augment.transform import Transform, column, integers, interval, uniform, within


class Erasing(Transform):
    """Fills a rectangle of a random share of the image (`area`) and height/width (`ratio`, log-uniform) with `value`
    in [0, 1], or with "random" pixels (Zhong et al. 2017, arXiv:1708.04896).
    """

    def __init__(self, p: float = 0.5, area=(0.02, 0.15), ratio=(0.3, 3.3), value: float | str = 0.0):
        super().__init__(p=p)
        self.area = interval("area", area, 1)
        self.ratio = interval("ratio", ratio)
        self.value = value if value == "random" else within("value", value, 0, 1)

    def sample(self, images):
        """The rectangles as masks (N, 1, H, W), true inside, and what they are filled with."""
        height, width = images.shape[-2:]
        share = uniform(images, *self.area)
        ratio = uniform(images, *map(math.log, self.ratio)).exp()
        # Where a rectangle of this shape would stick out (the paper draws again), the nearest one that fits.
        ratio = ratio.clamp(share * height / width, height / width / share)
        pixels = share * height * width
        box_height = (pixels * ratio).sqrt().round().clamp(1, height)
        box_width = (pixels / ratio).sqrt().round().clamp(1, width)
        top, left = integers(images, height - box_height), integers(images, width - box_width)
        fill = torch.rand_like(images) if self.value == "random" else images.new_full((), self.value)
        return box(images, top, left, box_height, box_width), fill

    def transform(self, images, mask, fill):
        return torch.where(mask, fill, images)


def box(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Masks (N, 1, H, W), true in each image's rectangle, cut at the border; all arguments (N,) in pixels."""
    rows = torch.arange(images.shape[-2], device=images.device)[:, None] - column(top)
    columns = torch.arange(images.shape[-1], device=images.device) - column(left)
    return (rows >= 0) & (rows < column(height)) & (columns >= 0) & (columns < column(width))
