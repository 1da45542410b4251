"""Geometric transforms: flip, affine, perspective, crop."""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fer.augment.transform import Transform, column, integers, interval, spread, uniform, within


class Flip(Transform):
    """Mirrors left and right."""

    def __init__(self, p: float = 0.5):
        super().__init__(p=p)

    def transform(self, images):
        return images.flip(-1)


class Affine(Transform):
    """Rotation (± degrees), shift (± fraction of width and height), scale (± fraction, or (low, high) factors) and
    horizontal shear (± degrees) about the image's centre, in one bilinear resampling. Conventions of torchvision's
    `affine`. `padding` fills the outside: zeros, border or reflection.
    """

    def __init__(self, rotation=0.0, shift=0.0, scale=0.0, shear=0.0, *, p: float = 1.0, padding: str = "zeros"):
        turn, slant, slide = spread("rotation", rotation, 180), spread("shear", shear, 80), spread("shift", shift, 1)
        factor = interval("scale", scale) if isinstance(scale, Sequence) else spread("scale", scale, 0.9, centre=1)
        super().__init__(turn, slide, slide, factor, slant, p=p)
        if padding not in ("zeros", "border", "reflection"):
            raise ValueError(f"padding must be zeros, border or reflection, got {padding}")
        self.padding = padding

    def transform(self, images, *parameters):
        """Parameters, all (N,): degrees, fractions of the width and of the height, factors, degrees."""
        rotation, right, down, scale, shear = parameters
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
    """Moves each corner towards the middle by up to `distortion` of half the image; as torchvision's
    RandomPerspective, with zeros outside.
    """

    def __init__(self, distortion: float = 0.2, p: float = 0.3):
        super().__init__(p=p)
        self.distortion = within("distortion", distortion, 0, 0.6)  # from 2/3 on the four corners can fold over

    def sample(self, images):
        """Where the corners go: (N, 4, 2) as x, y in [-1, 1], clockwise from the top left."""
        return (corners(images) * (1 - uniform(images, 0, self.distortion, 4, 2)),)

    def transform(self, images, moved):
        # Eight equations for the homography moved corner -> old corner, whose last entry is 1.
        old, (x, y) = corners(images), moved.unbind(-1)
        point = torch.stack([x, y, torch.ones_like(x)], -1)
        rows_x = torch.cat([point, 0 * point, -old[:, :1] * moved], -1)
        rows_y = torch.cat([0 * point, point, -old[:, 1:] * moved], -1)
        right = old.T.reshape(8, 1).expand(len(images), -1, -1)
        # solve_ex, since solve waits for the device to look for singular systems: there are none.
        entries = torch.linalg.solve_ex(torch.cat([rows_x, rows_y], 1), right).result[..., 0]
        return warp(images, F.pad(entries, (0, 1), value=1.0).view(-1, 3, 3))


class Crop(Transform):
    """A random size × size window of the image, after `padding` pixels of zeros on every side."""

    def __init__(self, size: int = 44, padding: int = 0):
        super().__init__()
        self.size = within("size", size, 1, math.inf)
        self.padding = within("padding", padding, 0, math.inf)

    def sample(self, images):
        """Top (N,) and left (N,) of the window in the padded image, in pixels."""
        height, width = (side + 2 * self.padding - self.size for side in images.shape[-2:])
        if min(height, width) < 0:
            raise ValueError(f"size {self.size} of Crop is larger than the padded images {tuple(images.shape[-2:])}")
        return integers(images, height), integers(images, width)

    def transform(self, images, top, left):
        images = F.pad(images, [self.padding] * 4)
        window = torch.arange(self.size, device=images.device)
        rows = column(top) + window[:, None]
        columns = column(left) + window
        images = images.gather(2, rows.expand(-1, images.shape[1], -1, images.shape[3]))
        return images.gather(3, columns.expand(-1, images.shape[1], self.size, -1))


class ResizedCrop(Transform):
    """A random square window of each image, scaled to size × size bilinearly.

    sides: (low, high), the range of its side in pixels, of which every integer is equally likely; it may not exceed
    the image. Raises ValueError where it does.
    """

    def __init__(self, sides=(40, 44), size: int = 48):
        super().__init__()
        self.low, self.high = interval("sides", sides)
        self.size = within("size", size, 1, math.inf)

    def sample(self, images):
        """Side, top and left of the windows in pixels, each (N,) int64."""
        height, width = images.shape[-2:]
        if self.high > min(height, width):
            raise ValueError(f"sides {self.low}–{self.high} of ResizedCrop exceed the images, {height}×{width}")
        side = self.low + integers(images, self.high - self.low)
        return side, integers(images, height - side), integers(images, width - side)

    def transform(self, images, side, top, left):
        height, width = images.shape[-2:]
        middles = (torch.arange(self.size, device=images.device, dtype=images.dtype) + 0.5) / self.size
        y = 2 * (top[:, None] + side[:, None] * middles) / height - 1
        x = 2 * (left[:, None] + side[:, None] * middles) / width - 1
        shape = (-1, self.size, self.size)
        grid = torch.stack([x[:, None, :].expand(shape), y[:, :, None].expand(shape)], -1)
        return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def warp(images: Tensor, matrix: Tensor, padding: str = "zeros") -> Tensor:
    """Bilinear resampling: each output pixel reads the input at matrix (N, 3, 3) · (x, y, 1), in the coordinates of
    grid_sample: [-1, 1] from edge to edge. One product for the batch takes a tenth of affine_grid's time on CPU.
    """
    height, width = images.shape[-2:]
    x, y = pixel_centres(images, width), pixel_centres(images, height)
    points = torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones_like(x).expand(len(y), -1)])
    moved = (matrix.flatten(0, 1) @ points.flatten(1)).view(-1, *points.shape)
    grid = (moved[:, :2] / moved[:, 2:]).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def pixel_centres(images: Tensor, size: int) -> Tensor:
    """(size,): positions of the centres of `size` pixels in [-1, 1], on the device of `images`."""
    return torch.arange(1, 2 * size, 2, dtype=images.dtype, device=images.device) / size - 1


def corners(images: Tensor) -> Tensor:
    """(4, 2): x, y of an image's corners in [-1, 1], clockwise from the top left."""
    index = torch.arange(4, device=images.device)  # computed, since a copied list would wait for the device
    return 2 * torch.stack([index % 3 > 0, index > 1], -1).to(images) - 1
