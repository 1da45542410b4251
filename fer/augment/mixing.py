"""Mixup and CutMix: blend two images and their labels."""

import math

import torch
import torch.nn.functional as F

from fer.augment.erasing import box
from fer.augment.transform import Transform, chance, column, integers, within


class Mixup(Transform):
    """Blends each image and its label with the neighbour's in the batch, which is shuffled anyway; the own share is
    Beta(alpha, alpha) (Zhang et al. 2018, arXiv:1710.09412). Labels come in as (N,) int64 or, already soft,
    (N, num_classes), and go out soft.
    """

    def __init__(self, num_classes: int, alpha: float = 0.2, p: float = 1.0):
        super().__init__(p=p)
        self.num_classes = within("num_classes", num_classes, 1, math.inf)
        self.alpha = within("alpha", alpha, 0.001, math.inf)

    def sample(self, images):
        """How much each pixel keeps of its own image: (N, 1, 1, 1) or (N, 1, H, W) in [0, 1]."""
        alpha = images.new_full((len(images),), self.alpha)
        share = torch.distributions.Beta(alpha, alpha, validate_args=False).sample()
        return (self.weight(images, torch.where(chance(images, self.p), share, 1.0)),)

    def weight(self, images, share):
        return column(share)

    def transform(self, images, weight):
        return torch.lerp(images.roll(1, 0), images, weight)

    def forward(self, images, labels):
        (weight,) = self.sample(images)
        labels = F.one_hot(labels, self.num_classes).to(images) if labels.ndim == 1 else labels.to(images)
        return self.transform(images, weight), self.transform(labels, weight.mean((1, 2, 3))[:, None])


class CutMix(Mixup):
    """Pastes a rectangle of the neighbour, of 1 - Beta(alpha, alpha) of the area before it is cut at the border; the
    labels follow the area truly pasted (Yun et al. 2019, arXiv:1905.04899).
    """

    def __init__(self, num_classes: int, alpha: float = 1.0, p: float = 1.0):
        super().__init__(num_classes, alpha, p)

    def weight(self, images, share):
        height, width = images.shape[-2:]
        side = (1 - share).sqrt()
        box_height, box_width = (side * height).floor(), (side * width).floor()
        top = integers(images, height - 1) - (box_height / 2).floor()
        left = integers(images, width - 1) - (box_width / 2).floor()
        return 1 - box(images, top, left, box_height, box_width).to(images)
