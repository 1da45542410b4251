"""Random erasing: hides a rectangle of each face."""

import math

import torch
from torch import Tensor

from fer.augment.transform import Transform, check_interval, check_range, expand_dims, random_integers, uniform


class Erasing(Transform):
    """Fills a random rectangle of each image (Zhong et al. 2017, arXiv:1708.04896).

    area: (low, high), the range of the rectangle's share of the image, in (0, 1]. ratio: (low, high), the range of its
    height/width, drawn log-uniformly. value: the grey level of the fill in [0, 1], or "random" for random pixels.
    """

    def __init__(self, p: float = 0.5, area=(0.02, 0.15), ratio=(0.3, 3.3), value: float | str = 0.0):
        super().__init__(p=p)
        self.area = check_interval("area", area, 1)
        self.ratio = check_interval("ratio", ratio)
        self.value = value if value == "random" else check_range("value", value, 0, 1)

    def sample(self, images):
        """Returns masks (N, 1, H, W), true inside the rectangles, and the fill: (N, C, H, W) or a scalar."""
        height, width = images.shape[-2:]
        low, high = self.ratio
        share = uniform(images, *self.area)
        ratio = uniform(images, math.log(low), math.log(high)).exp()
        # The paper draws again if a rectangle of this shape would stick out. This takes the nearest one that fits.
        ratio = ratio.clamp(share * height / width, height / width / share)
        pixels = share * height * width
        box_height = (pixels * ratio).sqrt().round().clamp(1, height)
        box_width = (pixels / ratio).sqrt().round().clamp(1, width)
        top, left = random_integers(images, height - box_height), random_integers(images, width - box_width)
        fill = torch.rand_like(images) if isinstance(self.value, str) else images.new_full((), self.value)
        return rectangle_masks(images, top, left, box_height, box_width), fill

    def transform(self, images, masks, fill):
        return torch.where(masks, fill, images)


def rectangle_masks(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Returns masks (N, 1, H, W), true in each image's rectangle, clipped at the border.

    top, left, height, width: (N,), in pixels.
    """
    rows = torch.arange(images.shape[-2], device=images.device)[:, None] - expand_dims(top)
    columns = torch.arange(images.shape[-1], device=images.device) - expand_dims(left)
    return (rows >= 0) & (rows < expand_dims(height)) & (columns >= 0) & (columns < expand_dims(width))
