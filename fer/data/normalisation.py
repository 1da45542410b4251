"""Mean and standard deviation of pixels, by which a classifier normalises faces."""

import torch
from torch import Tensor

FIXED = {"half": (0.5, 0.5), "unit": (0.0, 1.0)}
"""Choice of `data.normalize` -> mean and standard deviation; "train" computes them from the training images."""


def pixel_statistics(images: Tensor) -> tuple[float, float]:
    """Returns mean and standard deviation of all pixels of uint8 `images`, in units of [0, 1].

    They are exact, because they come from the histogram.
    """
    chunks = images.split(1024)  # bincount makes int64 of what it counts
    histogram = torch.stack([torch.bincount(chunk.flatten(), minlength=256) for chunk in chunks]).sum(0).double()
    values, total = torch.arange(256, dtype=torch.float64), histogram.sum()
    mean = (histogram * values).sum() / total
    variance = (histogram * (values - mean) ** 2).sum() / total
    return mean.item() / 255, variance.sqrt().item() / 255
