"""Mixup and CutMix: blend two images and their labels."""

import math

import torch
import torch.nn.functional as F

from fer.augment.erasing import rectangle_masks
from fer.augment.transform import Transform, bernoulli, check_range, expand_dims, random_integers


class Mixup(Transform):
    """Blends each image and its label with the previous one of the batch (Zhang et al. 2018, arXiv:1710.09412).

    The weight of the image itself is Beta(alpha, alpha). Batches are shuffled, so the previous image is a random one.
    Labels are (N,) int64 or, already soft, (N, num_classes); the returned labels are (N, num_classes) float32.
    """

    def __init__(self, num_classes: int, alpha: float = 0.2, p: float = 1.0):
        super().__init__(p=p)
        self.num_classes: int = check_range("num_classes", num_classes, 1, math.inf)
        self.alpha: float = check_range("alpha", alpha, 0.001, math.inf)

    def sample(self, images):
        """Returns the weight of each image's own pixels: (N, 1, 1, 1) or (N, 1, H, W) in [0, 1]."""
        alpha = images.new_full((len(images),), self.alpha)
        share = torch.distributions.Beta(alpha, alpha, validate_args=False).sample()
        return (self.weights(images, torch.where(bernoulli(images, self.p), share, 1.0)),)

    def weights(self, images, share):
        """Returns the weights of the pixels from the (N,) weights of the images."""
        return expand_dims(share)

    def transform(self, images, weights):
        return torch.lerp(images.roll(1, 0), images, weights)

    def forward(self, images, labels):
        (weights,) = self.sample(images)
        labels = F.one_hot(labels, self.num_classes).to(images) if labels.ndim == 1 else labels.to(images)
        return self.transform(images, weights), self.transform(labels, weights.mean((1, 2, 3))[:, None])


class CutMix(Mixup):
    """Pastes a rectangle of the previous image of the batch (Yun et al. 2019, arXiv:1905.04899).

    The rectangle has 1 - Beta(alpha, alpha) of the area before it is clipped at the border. Labels are mixed by the
    area after clipping.
    """

    def __init__(self, num_classes: int, alpha: float = 1.0, p: float = 1.0):
        super().__init__(num_classes, alpha, p)

    def weights(self, images, share):
        height, width = images.shape[-2:]
        side = (1 - share).sqrt()
        box_height, box_width = (side * height).floor(), (side * width).floor()
        top = random_integers(images, height - 1) - (box_height / 2).floor()
        left = random_integers(images, width - 1) - (box_width / 2).floor()
        return 1 - rectangle_masks(images, top, left, box_height, box_width).to(images)
