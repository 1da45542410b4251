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
    """Better scale and shift than those given, if they are not far off, and the correlation that they reach, (P,).

    Gauss-Newton steps on scale, shift, gain and offset: inverse compositional Lucas–Kanade (Baker & Matthews 2004).
    """
    n, inner = a.shape[-1], slice(RIM, -RIM)
    at = places(n)[inner]
    down, right = (slope[:, inner, inner] for slope in torch.gradient(a, spacing=SIZE / n, dim=(1, 2)))
    a = a[:, inner, inner]
    changes = torch.stack([at * right + at[:, None] * down, right, down, a, torch.ones_like(a)], -1).flatten(1, 2)
    normal = changes.mT @ changes
    normal += torch.diag_embed(1e-3 * normal.diagonal(dim1=1, dim2=2) + 1e-3)  # has an inverse without structure too
    solution = torch.linalg.solve(normal, changes.mT)
    for _ in range(STEPS):
        growth, x, y, gain, _ = (solution @ sampled(b, at, scale, shift).flatten(1)[..., None])[..., 0].T
        gain = gain.clamp_min(0.2)
        step = (torch.stack([x, y], 1) / gain[:, None]).clamp(-1.5, 1.5)
        scale = (scale / (1 + (growth / gain).clamp(-0.05, 0.05))).clamp(0.8, 1.25)
        shift = (shift - scale[:, None] * step).clamp(-7, 7)
    return scale, shift, correlation(a, sampled(b, at, scale, shift), torch.ones_like(a))


def agreement(a: Tensor, b: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Correlation of the two where both are there, (P,), and the share of a that lies in b, (P,)."""
    both = overlap(scale, shift)
    return correlation(a, sampled(b, places(SIZE), scale, shift), both), both.mean((1, 2))


def tones(a: Tensor, b: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """How much brighter b is where both are there, and the ratio of its contrast to that of a; (P,) each.

    Both are blurred a little, since resampling blurs b.
    """
    both, smooth = overlap(scale, shift), gaussian(MEDIUM)
    a, b = (smooth @ image @ smooth.T for image in (a, sampled(b, places(SIZE), scale, shift)))
    (mean_a, var_a), (mean_b, var_b) = moments(a, both), moments(b, both)
    return mean_b - mean_a, (var_b / var_a).sqrt()


def moments(image: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance, (P,) each."""
    size = weights.sum((1, 2))
    mean = (image * weights).sum((1, 2)) / size
    return mean, ((image - mean[:, None, None]).square() * weights).sum((1, 2)) / size


def correlation(a: Tensor, b: Tensor, weights: Tensor) -> Tensor:
    """(P,), -1 to 1: insensitive to gain and offset."""
    a, b = (image - moments(image, weights)[0][:, None, None] for image in (a, b))
    ab, aa, bb = ((x * y * weights).sum((1, 2)) for x, y in ((a, b), (a, a), (b, b)))
    return ab / (aa * bb).sqrt().clamp_min(1e-6)


def overlap(scale: Tensor, shift: Tensor) -> Tensor:
    """(P, 48, 48): 1 for the pixels of a that lie in b."""
    x, y = ((places(SIZE) * scale[:, None] + shift[:, axis, None]).abs() <= SIZE / 2 for axis in (0, 1))
    return (y[:, :, None] & x[:, None]).float()


def sampled(images: Tensor, at: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """(P, k, k): images at scale · at + shift, interpolated; beyond the outermost pixels these go on."""
    own = places(images.shape[-1])
    x, y = ((at * scale[:, None] + shift[:, axis, None]).clamp(own[0], own[-1]) for axis in (0, 1))
    x, y = ((1 - (where[..., None] - own).abs() / (own[1] - own[0])).clamp_min(0) for where in (x, y))
    return y @ images @ x.mT


def places(n: int) -> Tensor:
    """(n,): where the pixels of an n × n picture lie, in pixels of the full size from the centre."""
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
    """(48, 48): blurs along one axis; weights that would fall outside are shared among the others."""
    apart = torch.arange(SIZE)[:, None] - torch.arange(SIZE)
    return normalize(torch.exp(-0.5 * (apart / width) ** 2), p=1)
