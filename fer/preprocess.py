"""Picture -> face: the one way from any picture to the 48×48 grey pixels that networks see."""

import numpy as np
from PIL import Image, ImageOps

SIZE = 48
FILTER = Image.Resampling.BILINEAR
"""Pillow widens the filter when it shrinks a picture, so this is antialiased."""


def to_face(picture: Image.Image) -> np.ndarray:
    """Any picture as a (48, 48) uint8 grey image.

    The camera's orientation tag is obeyed, transparency is laid on black, 16-bit and float pictures are scaled to
    0–255, colour becomes ITU-R 601 luma. The whole picture is resized to 48×48 without keeping its aspect ratio; a
    grey picture of that size passes unchanged.
    """
    picture = to_grey(ImageOps.exif_transpose(picture))
    if picture.size != (SIZE, SIZE):
        picture = picture.resize((SIZE, SIZE), FILTER)
    return np.asarray(picture, dtype=np.uint8)


def to_grey(picture: Image.Image) -> Image.Image:
    """Any Pillow mode as mode L."""
    if picture.mode == "L":
        return picture
    if picture.mode.startswith("I;16") or picture.mode == "I":
        return Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    if picture.mode == "F":
        return Image.fromarray((np.asarray(picture).clip(0, 1) * 255).round().astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    return picture.convert("RGB").convert("L")
