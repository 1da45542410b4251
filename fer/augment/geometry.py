"""Geometric transforms: flip, affine, perspective, crops."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fer.augment.transform import (
    Transform,
    check_interval,
    check_range,
    expand_dims,
    random_integers,
    symmetric_range,
    uniform,
)


class Flip(Transform):
    """Mirrors left and right."""

    def __init__(self, p: float = 0.5):
        super().__init__(p=p)

    def transform(self, images):
        return images.flip(-1)


class Affine(Transform):
    """Rotates, shifts, scales and shears about the image's centre, in one bilinear resampling.

    Conventions are those of torchvision's `affine`.

    rotation: ± degrees, at most 180. shift: ± fraction of width and height, at most 1. scale: ± fraction, at most 0.9,
    or (low, high) factors. shear: horizontal, ± degrees, at most 80. padding: the fill outside the image, "zeros",
    "border" or "reflection". Raises ValueError for values out of range.
    """

    def __init__(self, rotation=0.0, shift=0.0, scale=0.0, shear=0.0, *, p: float = 1.0, padding: str = "zeros"):
        angles = symmetric_range("rotation", rotation, 180)
        shears = symmetric_range("shear", shear, 80)
        shifts = symmetric_range("shift", shift, 1)
        if isinstance(scale, Sequence):
            factors = check_interval("scale", scale)
        else:
            factors = symmetric_range("scale", scale, 0.9, centre=1)
        super().__init__(angles, shifts, shifts, factors, shears, p=p)
        if padding not in ("zeros", "border", "reflection"):
            raise ValueError(f"padding must be zeros, border or reflection, got {padding}")
        self.padding = padding

    def transform(self, images, rotation, right, down, scale, shear):
        """All parameters are (N,): degrees, fractions of the width and of the height, factors, degrees."""
        rotation, tan = rotation.deg2rad(), shear.deg2rad().tan()
        cos, sin, aspect = rotation.cos(), rotation.sin(), images.shape[-2] / images.shape[-1]
        # The map from output to input positions: the inverse of shift · rotation · shear · scale.
        a, b = (cos - sin * tan) / scale, (sin + cos * tan) * aspect / scale
        c, d = -sin / aspect / scale, cos / scale
        zero = torch.zeros_like(a)
        to_x = [a, b, -2 * (a * right + b * down)]
        to_y = [c, d, -2 * (c * right + d * down)]
        matrix = torch.stack([*to_x, *to_y, zero, zero, zero + 1], -1)
        return warp(images, matrix.view(-1, 3, 3), self.padding)


class Perspective(Transform):
    """Moves each corner towards the centre by up to `distortion` of half the image; zeros outside.

    Equals torchvision's RandomPerspective. distortion: in [0, 0.6].
    """

    def __init__(self, distortion: float = 0.2, p: float = 0.3):
        super().__init__(p=p)
        self.distortion = check_range("distortion", distortion, 0, 0.6)  # beyond 2/3, opposite corners can cross

    def sample(self, images):
        """Returns the new corners (N, 4, 2): x, y in [-1, 1], clockwise from the top left."""
        return (corners(images) * (1 - uniform(images, 0, self.distortion, 4, 2)),)

    def transform(self, images, new):
        # Eight equations for the homography new corner -> old corner, whose last entry is 1.
        old, (x, y) = corners(images), new.unbind(-1)
        point = torch.stack([x, y, torch.ones_like(x)], -1)
        rows_x = torch.cat([point, 0 * point, -old[:, :1] * new], -1)
        rows_y = torch.cat([0 * point, point, -old[:, 1:] * new], -1)
        right = old.T.reshape(8, 1).expand(len(images), -1, -1)
        # solve would wait for the device to check for singular systems; there are none.
        entries = torch.linalg.solve_ex(torch.cat([rows_x, rows_y], 1), right).result[..., 0]
        return warp(images, F.pad(entries, (0, 1), value=1.0).view(-1, 3, 3))


class Crop(Transform):
    """Crops a random size × size window, after padding every side with `padding` pixels of zeros."""

    def __init__(self, size: int = 44, padding: int = 0):
        super().__init__()
        self.size: int = check_range("size", size, 1, math.inf)
        self.padding: int = check_range("padding", padding, 0, math.inf)

    def sample(self, images):
        """Returns top (N,) and left (N,) of the windows in the padded images, in pixels.

        Raises ValueError where a window is larger than the padded images.
        """
        height, width = (side + 2 * self.padding - self.size for side in images.shape[-2:])
        if min(height, width) < 0:
            raise ValueError(f"size {self.size} of Crop is larger than the padded images {tuple(images.shape[-2:])}")
        return random_integers(images, height), random_integers(images, width)

    def transform(self, images, top, left):
        images = F.pad(images, [self.padding] * 4)
        window = torch.arange(self.size, device=images.device)
        rows = expand_dims(top) + window[:, None]
        columns = expand_dims(left) + window
        images = images.gather(2, rows.expand(-1, images.shape[1], -1, images.shape[3]))
        return images.gather(3, columns.expand(-1, images.shape[1], self.size, -1))


class ResizedCrop(Transform):
    """Crops a random square window of each image and scales it to size × size bilinearly.

    sides: (low, high), the range of the window's side in pixels; every integer in it is equally likely. Raises
    ValueError where `high` exceeds the image.
    """

    def __init__(self, sides=(40, 44), size: int = 48):
        super().__init__()
        self.low, self.high = check_interval("sides", sides)
        self.size: int = check_range("size", size, 1, math.inf)

    def sample(self, images):
        """Returns side, top and left of the windows in pixels, each (N,) int64."""
        height, width = images.shape[-2:]
        if self.high > min(height, width):
            raise ValueError(f"sides {self.low}–{self.high} of ResizedCrop exceed the images, {height}×{width}")
        side = self.low + random_integers(images, self.high - self.low)
        return side, random_integers(images, height - side), random_integers(images, width - side)

    def transform(self, images, side, top, left):
        height, width = images.shape[-2:]
        centres = (torch.arange(self.size, device=images.device, dtype=images.dtype) + 0.5) / self.size
        y = 2 * (top[:, None] + side[:, None] * centres) / height - 1
        x = 2 * (left[:, None] + side[:, None] * centres) / width - 1
        shape = (-1, self.size, self.size)
        grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def warp(images: Tensor, matrix: Tensor, padding: str = "zeros") -> Tensor:
    """Resamples bilinearly: each output pixel (x, y) reads the input at matrix · (x, y, 1).

    matrix: (N, 3, 3), in the coordinates of grid_sample: [-1, 1] from edge to edge. One matrix product for the batch
    takes a tenth of affine_grid's time on CPU.
    """
    height, width = images.shape[-2:]
    x, y = pixel_centres(images, width), pixel_centres(images, height)
    points = torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones_like(x).expand(len(y), -1)])
    sources = (matrix.flatten(0, 1) @ points.flatten(1)).view(-1, *points.shape)
    grid = (sources[:, :2] / sources[:, 2:]).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def pixel_centres(images: Tensor, size: int) -> Tensor:
    """Returns the positions (size,) of the centres of `size` pixels in [-1, 1], on the device of `images`."""
    return torch.arange(1, 2 * size, 2, dtype=images.dtype, device=images.device) / size - 1


def corners(images: Tensor) -> Tensor:
    """Returns (4, 2): x, y of an image's corners in [-1, 1], clockwise from the top left."""
    index = torch.arange(4, device=images.device)  # computed: copying a list would wait for the device
    return 2 * torch.stack([index % 3 > 0, index > 1], -1).to(images) - 1
