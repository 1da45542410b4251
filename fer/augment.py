"""Augmentations of whole batches on the batch's own device, every image with its own random parameters.

A transform is a module `forward(images, labels) -> (images, labels)`: images (N, C, H, W) float32 in [0, 1], labels
(N,) int64, or (N, num_classes) float32 once mixed. `sample(images)` draws the parameters, one row an image, and
`transform(images, *parameters)` is a plain function of them. All draws come from torch's global generator of the
device, and nothing waits for the device (no `.item()`, no boolean indexing). A new transform is one subclass of
`Transform` and one entry in a YAML of `conf/augment/`.
"""

import inspect
import math
from collections.abc import Sequence
from numbers import Real

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Transform(nn.Module):
    """Changes each image with probability p; subclasses say how. `ranges` are (low, high) of its parameters."""

    def __init__(self, *ranges: tuple[float, float], p: float = 1.0):
        super().__init__()
        self.ranges = ranges
        self.p = within("p", p, 0, 1)

    def sample(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(uniform(images, *limits) for limits in self.ranges)

    def transform(self, images: Tensor, *parameters: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        changed = self.transform(images, *self.sample(images))
        if self.p < 1:
            changed = torch.where(column(chance(images, self.p)), changed, images)
        return changed, labels


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


class Augment(nn.Module):
    """Runs named transforms in the order given.

    Each is a module or a mapping with `_target_`, to which `num_classes` is passed where its constructor takes it;
    None leaves a transform out. uint8 images become float32 in [0, 1]; with no transforms the batch is unchanged.
    """

    def __init__(self, num_classes: int, **transforms):
        super().__init__()
        kept = {name: node for name, node in transforms.items() if node is not None}
        self.transforms = nn.ModuleDict({name: build(node, num_classes) for name, node in kept.items()})

    def forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.transforms and images.dtype == torch.uint8:
            images = images.float().div_(255)
        for transform in self.transforms.values():
            images, labels = transform(images, labels)
        # Interpolation overshoots by a rounding error.
        return images.clamp(0, 1) if self.transforms else images, labels


def build(node, num_classes: int) -> nn.Module:
    if isinstance(node, nn.Module):
        return node
    from hydra.utils import get_object, instantiate

    takes = inspect.signature(get_object(node["_target_"])).parameters
    derived = {"num_classes": num_classes} if "num_classes" in takes else {}
    return instantiate(node, **derived, _convert_="all")


def uniform(images: Tensor, low: float, high: float, *shape: int) -> Tensor:
    """(N, *shape) numbers in [low, high), on the images' device."""
    return images.new_empty(len(images), *shape).uniform_(low, high)


def integers(images: Tensor, most: int | Tensor) -> Tensor:
    """(N,) whole numbers in [0, most], as int64; `most` may differ between images."""
    return (uniform(images, 0, 1) * (most + 1)).long()


def chance(images: Tensor, p: float) -> Tensor:
    """(N,) bool, each true with probability p."""
    return uniform(images, 0, 1) < p


def column(values: Tensor) -> Tensor:
    """(N,) -> (N, 1, 1, 1), to meet images."""
    return values[:, None, None, None]


def warp(images: Tensor, matrix: Tensor, padding: str = "zeros") -> Tensor:
    """Bilinear resampling: each output pixel reads the input at matrix (N, 3, 3) · (x, y, 1), in the coordinates of
    grid_sample: [-1, 1] from edge to edge. One product for the batch takes a tenth of affine_grid's time on CPU.
    """
    x, y = (torch.arange(1, 2 * n, 2, dtype=images.dtype, device=images.device) / n - 1 for n in images.shape[:1:-1])
    points = torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones_like(x).expand(len(y), -1)])
    moved = (matrix.flatten(0, 1) @ points.flatten(1)).view(-1, *points.shape)
    grid = (moved[:, :2] / moved[:, 2:]).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, padding_mode=padding, align_corners=False)


def corners(images: Tensor) -> Tensor:
    """(4, 2): x, y of an image's corners in [-1, 1], clockwise from the top left."""
    index = torch.arange(4, device=images.device)  # computed, since a copied list would wait for the device
    return 2 * torch.stack([index % 3 > 0, index > 1], -1).to(images) - 1


def box(images: Tensor, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Masks (N, 1, H, W), true in each image's rectangle, cut at the border; all arguments (N,) in pixels."""
    rows = torch.arange(images.shape[-2], device=images.device)[:, None] - column(top)
    columns = torch.arange(images.shape[-1], device=images.device) - column(left)
    return (rows >= 0) & (rows < column(height)) & (columns >= 0) & (columns < column(width))


def within(name: str, value: float, low: float, high: float) -> float:
    if not (isinstance(value, Real) and low <= value <= high):
        raise ValueError(f"{name} must be in [{low}, {high}], got {value}")
    return value


def interval(name: str, pair: Sequence[float], high: float = math.inf) -> tuple[float, float]:
    if not (isinstance(pair, Sequence) and len(pair) == 2 and 0 < pair[0] <= pair[1] <= high):
        raise ValueError(f"{name} must be two increasing numbers in (0, {high}], got {pair}")
    return tuple(pair)


def spread(name: str, value: float, most: float, centre: float = 0.0) -> tuple[float, float]:
    """centre ± value, for a value in [0, most]."""
    within(name, value, 0, most)
    return centre - value, centre + value
