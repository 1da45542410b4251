"""Converts any picture of a face to the 48×48 grey pixels that networks see."""

from contextlib import suppress

import numpy as np
from PIL import ExifTags, Image, ImageOps

SIZE = 48
"""Height and width of a face in pixels, everywhere."""

DEPTHS = (8, 10, 12, 14, 16)
"""Bits per sample of sensors and files."""
NEGLIGIBLE = 0.1
"""Negative values of less than this share of the maximum are overshoot of a filter and become 0."""

FILTER = Image.Resampling.BILINEAR
"""Pillow widens the filter when it shrinks a picture, so this is antialiased."""


def to_face(picture: Image.Image) -> np.ndarray:
    """Converts any picture to a (48, 48) uint8 grey image.

    The camera's orientation tag is applied, transparency becomes black, 16-bit and float pictures are scaled to 0–255
    (see `deep_grey`), colours become ITU-R 601 luma. The whole picture is resized to 48×48 without keeping
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
    if picture.mode == "F" or picture.mode.startswith("I"):
        return Image.fromarray(deep_grey(np.asarray(picture)))
    return (picture if picture.mode == "RGB" else picture.convert("RGB")).convert("L")


def deep_grey(pixels: np.ndarray) -> np.ndarray:
    """Scales integers or floats of any shape to uint8 from 0 to 255; floats that are not finite count as 0.

    Files do not say how much of their range they use, so the largest value decides: integers have the fewest of 8, 10,
    12, 14 or 16 bits that hold it, floats go to 1 (where it is at most 2) or have as many bits. Values that are
    clearly negative, or larger than 16 bits, are scaled from the minimum, or 0 if that is less, to the maximum.
    """
    pixels = np.nan_to_num(pixels, nan=0, posinf=0, neginf=0)
    low, high = float(pixels.min()), float(pixels.max())
    low = 0.0 if low > -high * NEGLIGIBLE else low
    bits = next((bits for bits in DEPTHS if low == 0 and high < 2**bits), None)
    if bits and pixels.dtype.kind != "f":
        return (pixels.clip(0) >> (bits - 8)).astype(np.uint8)
    top = high if bits is None else 2**bits - 1
    top = 1.0 if bits and high <= 2 else top
    return ((pixels - low) * (255 / (top - low or 1))).clip(0, 255).round().astype(np.uint8)


def opaque(picture: Image.Image) -> Image.Image:
    """Blends transparent pixels with black; returns an opaque picture unchanged."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    return picture
