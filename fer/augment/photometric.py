"""Photometric transforms: brightness, contrast, gamma, noise, blur."""

import math

import torch
import torch.nn.functional as F

from fer.augment.transform import Transform, column, interval, spread, uniform, within


class Jitter(Transform):
    """Brightness, then contrast about the image's mean, by factors in 1 ± the option; as torchvision's ColorJitter
    on grey images.
    """

    def __init__(self, brightness: float = 0.2, contrast: float = 0.2, p: float = 1.0):
        super().__init__(spread("brightness", brightness, 1, centre=1), spread("contrast", contrast, 1, centre=1), p=p)

    def transform(self, images, brightness, contrast):
        images = (images * column(brightness)).clamp_(0, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        return torch.lerp(mean, images, column(contrast)).clamp_(0, 1)


class Gamma(Transform):
    """Raises intensities to a power that is log-uniform in [1 / (1 + gamma), 1 + gamma]."""

    def __init__(self, gamma: float = 0.2, p: float = 1.0):
        most = math.log1p(within("gamma", gamma, 0, 100))
        super().__init__((-most, most), p=p)

    def sample(self, images):
        """The exponents (N,)."""
        return (super().sample(images)[0].exp(),)

    def transform(self, images, gamma):
        return images.pow(column(gamma))


class Noise(Transform):
    """Adds Gaussian noise whose standard deviation is uniform in [0, std]."""

    def __init__(self, std: float = 0.03, p: float = 1.0):
        super().__init__(p=p)
        self.std = within("std", std, 0, math.inf)

    def sample(self, images):
        """The noise itself (N, C, H, W)."""
        return (torch.randn_like(images) * column(uniform(images, 0, self.std)),)

    def transform(self, images, noise):
        return (images + noise).clamp_(0, 1)


class Blur(Transform):
    """Gaussian blur with sigma uniform in `sigma`, in pixels; mirrored at the borders."""

    def __init__(self, sigma=(0.1, 1.5), p: float = 0.3):
        super().__init__(interval("sigma", sigma), p=p)
        self.radius = math.ceil(3 * sigma[1])

    def transform(self, images, sigma):
        offsets = torch.arange(-self.radius, self.radius + 1, device=images.device) / sigma[:, None]
        kernel = torch.softmax(-offsets.square() / 2, -1).repeat_interleave(images.shape[1], 0)
        # Images become channels, since a grouped convolution has one kernel a channel.
        flat = F.pad(images, [self.radius] * 4, mode="reflect").flatten(0, 1)[None]
        flat = F.conv2d(flat, kernel[:, None, :, None], groups=len(kernel))
        return F.conv2d(flat, kernel[:, None, None, :], groups=len(kernel)).reshape(images.shape)
