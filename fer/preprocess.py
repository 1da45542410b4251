"""Picture -> face: the one way from any picture to the 48×48 grey pixels that networks see."""

import numpy as np
from PIL import ExifTags, Image

SIZE = 48
"""Height and width of a face in pixels, everywhere."""

FILTER = Image.Resampling.BILINEAR
"""Pillow widens the filter when it shrinks a picture, so this is antialiased."""

TURNS = dict(
    enumerate(
        (
            Image.Transpose.FLIP_LEFT_RIGHT,
            Image.Transpose.ROTATE_180,
            Image.Transpose.FLIP_TOP_BOTTOM,
            Image.Transpose.TRANSPOSE,
            Image.Transpose.ROTATE_270,
            Image.Transpose.TRANSVERSE,
            Image.Transpose.ROTATE_90,
        ),
        start=2,
    )
)
"""Exif orientation -> what makes the picture upright."""


def to_face(picture: Image.Image) -> np.ndarray:
    """Any picture as a (48, 48) uint8 grey image.

    The camera's orientation tag is obeyed, transparency is laid on black, 16-bit pictures and float pictures in
    [0, 1] are scaled to 0–255, colour becomes ITU-R 601 luma. The whole picture is resized to 48×48 without keeping
    its aspect ratio; a grey picture of that size passes unchanged. Raises whatever Pillow raises on damaged files.
    """
    picture = to_grey(upright(picture))
    if picture.size != (SIZE, SIZE):
        picture = picture.resize((SIZE, SIZE), FILTER)
    return np.asarray(picture, dtype=np.uint8)


def luma(picture: Image.Image) -> Image.Image:
    """A picture just opened, such that a JPEG is decoded to the brightness it stores, without its colour.

    That takes half the time. It differs from the grey of the decoded colours where these were rounded or clipped: on a
    photograph by 0.01 of 255 levels on average and 15 at most, by 1 at most once it has shrunk to 48×48.
    """
    picture.draft("L", None)
    return picture


def upright(picture: Image.Image) -> Image.Image:
    """As the camera's orientation tag says it is to be looked at."""
    turn = TURNS.get(orientation(picture))
    if turn is None:
        return picture
    turned = picture.transpose(turn)
    turned.info = {key: value for key, value in picture.info.items() if key == "transparency"}  # the tag held before
    return turned


def orientation(picture: Image.Image) -> int:
    """The camera's tag, 1 to 8; 1 (upright) where there is none that can be read."""
    try:
        return picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged Exif data, on which Pillow raises almost anything, beside a picture that is whole
        return 1


def to_grey(picture: Image.Image) -> Image.Image:
    """Any Pillow mode as mode L."""
    picture = opaque(picture)
    if picture.mode == "L":
        return picture
    if picture.mode.startswith("I"):
        return Image.fromarray((np.asarray(picture).clip(0, 65535) >> 8).astype(np.uint8))
    if picture.mode == "F":
        return Image.fromarray((np.asarray(picture).clip(0, 1) * 255).round().astype(np.uint8))
    return (picture if picture.mode == "RGB" else picture.convert("RGB")).convert("L")


def opaque(picture: Image.Image) -> Image.Image:
    """With transparency laid on black."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    return picture
