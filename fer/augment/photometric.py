"""Photometric transforms: brightness, contrast, gamma, noise, blur."""

import math

import torch
import torch.nn.functional as F

from fer.augment.transform import Transform, check_interval, check_range, expand_dims, symmetric_range, uniform


class Jitter(Transform):
    """Multiplies the brightness, then the contrast about the image's mean, by random factors.

    brightness, contrast: in [0, 1]; the factors are uniform in 1 ± this. Equals torchvision's ColorJitter on grey
    images.
    """

    def __init__(self, brightness: float = 0.2, contrast: float = 0.2, p: float = 1.0):
        ranges = (
            symmetric_range("brightness", brightness, 1, centre=1),
            symmetric_range("contrast", contrast, 1, centre=1),
        )
        super().__init__(*ranges, p=p)

    def transform(self, images, brightness, contrast):
        images = (images * expand_dims(brightness)).clamp_(0, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        return torch.lerp(mean, images, expand_dims(contrast)).clamp_(0, 1)


class Gamma(Transform):
    """Raises intensities to a power that is log-uniform in [1 / (1 + gamma), 1 + gamma]."""

    def __init__(self, gamma: float = 0.2, p: float = 1.0):
        limit = math.log1p(check_range("gamma", gamma, 0, 100))
        super().__init__((-limit, limit), p=p)

    def sample(self, images):
        """Returns the exponents (N,)."""
        (logarithms,) = super().sample(images)
        return (logarithms.exp(),)

    def transform(self, images, gamma):
        return images.pow(expand_dims(gamma))


class Noise(Transform):
    """Adds Gaussian noise whose standard deviation is uniform in [0, std]; white is 1."""

    def __init__(self, std: float = 0.03, p: float = 1.0):
        super().__init__(p=p)
        self.std: float = check_range("std", std, 0, math.inf)

    def sample(self, images):
        """Returns the noise (N, C, H, W)."""
        return (torch.randn_like(images) * expand_dims(uniform(images, 0, self.std)),)

    def transform(self, images, noise):
        return (images + noise).clamp_(0, 1)


class Blur(Transform):
    """Gaussian blur, mirrored at the borders; sigma: (low, high), the range of the standard deviation in pixels."""

    def __init__(self, sigma=(0.1, 1.5), p: float = 0.3):
        super().__init__(check_interval("sigma", sigma), p=p)
        self.radius = math.ceil(3 * sigma[1])

    def transform(self, images, sigma):
        offsets = torch.arange(-self.radius, self.radius + 1, device=images.device) / sigma[:, None]
        kernel = torch.softmax(-offsets.square() / 2, -1).repeat_interleave(images.shape[1], 0)
        # Images become channels, because a grouped convolution has one kernel for each channel.
        channels = F.pad(images, [self.radius] * 4, mode="reflect").flatten(0, 1)[None]
        channels = F.conv2d(channels, kernel[:, None, :, None], groups=len(kernel))
        return F.conv2d(channels, kernel[:, None, None, :], groups=len(kernel)).reshape(images.shape)
