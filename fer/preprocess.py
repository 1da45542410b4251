"""Converts any picture of a face to the 48×48 grey pixels that networks see."""

from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image, ImageOps

SIZE = 48
"""Height and width of a face in pixels, everywhere."""

FILTER = Image.Resampling.BILINEAR
"""Pillow widens the filter when it shrinks a picture, so this is antialiased."""


def to_face(picture: Image.Image) -> np.ndarray:
    """Converts any picture to a (48, 48) uint8 grey image.

    The camera's orientation tag is applied, transparency becomes black, 16-bit pictures and float pictures in
    [0, 1] are scaled to 0–255, colours become ITU-R 601 luma. The whole picture is resized to 48×48 without keeping
    its aspect ratio; a grey picture of that size passes unchanged. Raises whatever Pillow raises on damaged files.
    """
    picture = to_grey(upright(picture))
    if picture.size != (SIZE, SIZE):
        picture = picture.resize((SIZE, SIZE), FILTER)
    return np.asarray(picture, dtype=np.uint8)


def upright(picture: Image.Image) -> Image.Image:
    """Applies the camera's orientation tag; returns the picture unchanged where no tag is readable."""
    picture.load()  # first, since getexif() hides what a decoder raises
    try:
        if picture.getexif().get(ExifTags.Base.Orientation, 1) == 1:
            return picture
    except Exception:  # Pillow raises almost anything on damaged Exif data; the pixels are intact
        return picture
    turned = picture.copy()
    with suppress(Exception):  # raised once the pixels are turned, for Exif data that Pillow cannot write again
        ImageOps.exif_transpose(turned, in_place=True)
    turned.info = {key: value for key, value in picture.info.items() if key == "transparency"}  # without the tag
    return turned


def to_grey(picture: Image.Image) -> Image.Image:
    """Converts a picture of any Pillow mode to mode L."""
    picture = opaque(picture)
    if picture.mode == "L":
        return picture
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) >> 8).astype(np.uint8))
    if picture.mode == "F":
        return Image.fromarray((np.asarray(picture).clip(0, 1) * 255).round().astype(np.uint8))
    return (picture if picture.mode == "RGB" else picture.convert("RGB")).convert("L")


def opaque(picture: Image.Image) -> Image.Image:
    """Blends transparent pixels with black; returns an opaque picture unchanged."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    return picture
