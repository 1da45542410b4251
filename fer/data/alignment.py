"""Aligns one face with another: scale, shift, and how well the two agree afterwards.

Images are (P, n, n) float32 tensors, pairs one below the other; scale is (P,), shift (P, 2) in pixels of the full size,
x before y: what a shows at x, b shows at scale · x + shift, from the centre, to the right and downwards. Filters and
resampling are separable, so each is a product of matrices.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fer.preprocess import SIZE

FINE, MEDIUM, COARSE = 0.7, 1.0, 4.0  # pixels, widths of Gaussians; structure is what lies between two of them
RIM = 2  # pixels at half size that `align` leaves out, so that the rest is found inside a moved image
STEPS = 8


def align(a: Tensor, b: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Refines scale and shift that are nearly right; returns both, and the correlation that they reach, (P,).

    Gauss-Newton steps on scale, shift, gain and offset: inverse compositional Lucas–Kanade (Baker & Matthews 2004).
    """
    size, inner = a.shape[-1], slice(RIM, -RIM)
    positions = pixel_positions(size)[inner]
    slope_y, slope_x = torch.gradient(a, spacing=SIZE / size, dim=(1, 2))
    slope_y, slope_x, a = slope_y[:, inner, inner], slope_x[:, inner, inner], a[:, inner, inner]
    growth_slope = positions * slope_x + positions[:, None] * slope_y
    jacobian = torch.stack([growth_slope, slope_x, slope_y, a, torch.ones_like(a)], -1).flatten(1, 2)
    normal = jacobian.mT @ jacobian
    normal += torch.diag_embed(1e-3 * normal.diagonal(dim1=1, dim2=2) + 1e-3)  # invertible without structure too
    solution = torch.linalg.solve(normal, jacobian.mT)
    for _ in range(STEPS):
        target = sampled(b, positions, scale, shift).flatten(1)
        growth, x, y, gain, _ = (solution @ target[..., None])[..., 0].T
        gain = gain.clamp_min(0.2)
        step = (torch.stack([x, y], 1) / gain[:, None]).clamp(-1.5, 1.5)
        scale = (scale / (1 + (growth / gain).clamp(-0.05, 0.05))).clamp(0.8, 1.25)
        shift = (shift - scale[:, None] * step).clamp(-7, 7)
    return scale, shift, correlation(a, sampled(b, positions, scale, shift), torch.ones_like(a))


def agreement(a: Tensor, b: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the correlation of a and b where they overlap, (P,), and the share of a that lies in b, (P,)."""
    mask = overlap(scale, shift)
    b = sampled(b, pixel_positions(SIZE), scale, shift)
    return correlation(a, b, mask), mask.mean((1, 2))


def tones(a: Tensor, b: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Returns how much brighter b is where they overlap, and the ratio of its contrast to that of a; (P,) each.

    Both are blurred a little, since resampling blurs b.
    """
    mask, blur = overlap(scale, shift), gaussian(MEDIUM)
    b = sampled(b, pixel_positions(SIZE), scale, shift)
    mean_a, var_a = moments(blur @ a @ blur.T, mask)
    mean_b, var_b = moments(blur @ b @ blur.T, mask)
    return mean_b - mean_a, (var_b / var_a).sqrt()


def moments(image: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the weighted mean and variance of each image, (P,) each."""
    total = weights.sum((1, 2))
    mean = (image * weights).sum((1, 2)) / total
    return mean, ((image - mean[:, None, None]).square() * weights).sum((1, 2)) / total


def correlation(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """Returns the weighted correlation of each pair, (P,) in [-1, 1]; gain and offset do not change it."""
    a = centred(a, weights)
    b = centred(b, weights)
    covariance = (a * b * weights).sum((1, 2))
    energy_a = (a * a * weights).sum((1, 2))
    energy_b = (b * b * weights).sum((1, 2))
    return covariance / (energy_a * energy_b).sqrt().clamp_min(1e-6)


def centred(image: Tensor, weights: Tensor) -> Tensor:
    mean, _ = moments(image, weights)
    return image - mean[:, None, None]


def overlap(scale: Tensor, shift: Tensor) -> Tensor:
    """(P, 48, 48): 1 for the pixels of a that lie in b."""
    positions = pixel_positions(SIZE)
    inside_x = (positions * scale[:, None] + shift[:, 0, None]).abs() <= SIZE / 2
    inside_y = (positions * scale[:, None] + shift[:, 1, None]).abs() <= SIZE / 2
    return (inside_y[:, :, None] & inside_x[:, None]).float()


def sampled(images: Tensor, positions: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """(P, k, k): images at scale · positions + shift, (k,) each way, interpolated; outermost pixels are repeated."""
    grid = pixel_positions(images.shape[-1])
    weights_x = interpolation(grid, positions * scale[:, None] + shift[:, 0, None])
    weights_y = interpolation(grid, positions * scale[:, None] + shift[:, 1, None])
    return weights_y @ images @ weights_x.mT


def interpolation(grid: Tensor, targets: Tensor) -> Tensor:
    """(P, k, n): linear weights of the n pixels at `grid` for targets (P, k)."""
    targets = targets.clamp(grid[0], grid[-1])
    distance = (targets[..., None] - grid).abs() / (grid[1] - grid[0])
    return (1 - distance).clamp_min(0)


def pixel_positions(n: int) -> Tensor:
    """(n,): positions of the pixels of an n × n picture from its centre, in pixels of the full size."""
    return (torch.arange(n) - (n - 1) / 2) * SIZE / n


def fine(pixels: Tensor) -> Tensor:
    """(N, 48, 48): without the finest grain, which recompression changes, and without light and shade."""
    sharp, dull = gaussian(FINE), gaussian(COARSE)
    return sharp @ pixels @ sharp.T - dull @ pixels @ dull.T


def halved(pixels: Tensor) -> Tensor:
    """(N, 24, 24): like `fine`, smoother, at half the size."""
    pool = torch.eye(SIZE // 2).repeat_interleave(2, 1) / 2
    sharp, dull = pool @ gaussian(MEDIUM), pool @ gaussian(COARSE)
    return sharp @ pixels @ sharp.T - dull @ pixels @ dull.T


def gaussian(width: float) -> Tensor:
    """(48, 48): matrix that blurs along one axis; its rows sum to 1."""
    distance = torch.arange(SIZE)[:, None] - torch.arange(SIZE)
    return normalize(torch.exp(-0.5 * (distance / width) ** 2), p=1)
