"""Views of each face whose logits test-time augmentation averages."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from fer.preprocess import SIZE
from fer.tta import VIEWS

CROP = 44
"""Default side in pixels of the windows. Published ten-crop tests on FER2013 cut 44 of 48 (a VGG19) or 40 of 48
(another VGG), with networks trained on such windows. Scaled back to 48, a window of 44 enlarges a face by 9 %, one of
40 by 20 %. A network trained on whole faces loses less by the smaller change: one trained without augmentation
(experiment=two_convs, seed 0) recognises 56.9 % of PublicTest plainly, 57.2 % with `flip`, 52.7 % with windows of 44,
46.1 % with 40."""
ZOOM, ANGLE = 1.1, 6.0
"""Enlargement and angle in degrees of the views of "affine", within the range that the recipe standard trains on. On
PublicTest its three seeds recognise 69.8 % with one view, 70.8 % with `flip` and 71.5 % with `affine`."""


def check_views(tta: str, crop: int, crop_to: int) -> None:
    """Raises ValueError for options of `views` that are out of range."""
    if tta not in tuple(VIEWS):  # a list cannot be a key
        raise ValueError(f"classifier.tta: no '{tta}'; there are {', '.join(VIEWS)}")
    for name, side in (("crop", crop), ("crop_to", crop_to)):
        if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= SIZE:
            raise ValueError(f"classifier.{name} is {side}; it must be an integer from 1 to {SIZE}")


def views(faces: Tensor, tta: str, crop: int = CROP, crop_to: int = SIZE) -> Iterator[Tensor]:
    """Yields the views of faces (N, 1, H, W), uint8 in 0–255 or float in [0, 1].

    tta: "none" yields the faces; "flip" the faces and their mirror images; "fivecrop" windows of `crop` pixels in the
    four corners and in the centre (in this order: top left, top right, bottom left, bottom right, centre); "tencrop"
    these five and their mirror images; "affine" the faces, enlarged ones (ZOOM), ones turned by ANGLE either way, and
    the mirror images of these four. crop_to: side in pixels to which windows are scaled bilinearly; with that of
    `crop` they stay as they are, for networks trained on windows of that size.
    """
    if tta in ("none", "flip"):
        yield faces
    if tta == "flip":
        yield faces.flip(-1)
    if tta in ("fivecrop", "tencrop"):
        for window in windows(faces, crop, crop_to):
            yield window
            if tta == "tencrop":
                yield window.flip(-1)
    if tta == "affine":
        pixels = unit(faces)
        for view in (pixels, warped(pixels, ZOOM), warped(pixels, angle=ANGLE), warped(pixels, angle=-ANGLE)):
            yield view
            yield view.flip(-1)


def unit(faces: Tensor) -> Tensor:
    """Returns faces, uint8 in 0–255 or float in [0, 1], as float in [0, 1]."""
    return faces / 255 if faces.dtype == torch.uint8 else faces


def windows(faces: Tensor, crop: int, crop_to: int) -> Iterator[Tensor]:
    """Yields the five windows, (N, 1, crop_to, crop_to) float in [0, 1]."""
    pixels = unit(faces)
    bottom, right = faces.shape[-2] - crop, faces.shape[-1] - crop
    for top, left in ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2)):
        window = pixels[..., top : top + crop, left : left + crop]
        if crop_to != crop:
            window = scaled(window, crop_to)
        yield window


def scaled(pixels: Tensor, side: int) -> Tensor:
    """Scales (N, 1, H, W) to (N, 1, side, side), as torch's bilinear interpolation without antialiasing does.

    Of indexing and elementwise operations only, which every ONNX runtime has and autocast leaves in float32.
    """
    for dim in (-2, -1):
        length = pixels.shape[dim]
        position = ((torch.arange(side, device=pixels.device) + 0.5) * (length / side) - 0.5).clamp(0, length - 1)
        low = position.long()
        high = (low + 1).clamp(max=length - 1)
        share = (position - low).to(pixels.dtype)
        share = share[:, None] if dim == -2 else share
        first, second = pixels.index_select(dim, low), pixels.index_select(dim, high)
        pixels = first + share * (second - first)
    return pixels


def warped(pixels: Tensor, zoom: float = 1.0, angle: float = 0.0) -> Tensor:
    """Enlarges faces (N, 1, H, W) by `zoom` and turns them clockwise by `angle` degrees about their centre.

    Bilinear; beyond the edges the border repeats. Of operations that every ONNX runtime has, as in `scaled`.
    """
    height, width = pixels.shape[-2:]
    y = torch.arange(height, device=pixels.device)[:, None] - (height - 1) / 2
    x = torch.arange(width, device=pixels.device) - (width - 1) / 2
    cos, sin = math.cos(math.radians(angle)) / zoom, math.sin(math.radians(angle)) / zoom
    column = (cos * x + sin * y + (width - 1) / 2).clamp(0, width - 1)
    row = (cos * y - sin * x + (height - 1) / 2).clamp(0, height - 1)
    left, top = column.long(), row.long()
    right, bottom = (left + 1).clamp(max=width - 1), (top + 1).clamp(max=height - 1)
    across, down = (column - left).to(pixels.dtype), (row - top).to(pixels.dtype)

    def at(rows: Tensor, columns: Tensor) -> Tensor:
        return pixels.flatten(-2).index_select(-1, (rows * width + columns).flatten()).reshape(pixels.shape)

    upper = at(top, left) + across * (at(top, right) - at(top, left))
    lower = at(bottom, left) + across * (at(bottom, right) - at(bottom, left))
    return upper + down * (lower - upper)
