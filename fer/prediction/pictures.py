"""Sources of pictures, and their decoding to upright RGB."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fer.pictures import Unreadable, decode
from fer.preprocess import opaque, to_grey, upright

__all__ = ["Source", "Unreadable", "decode_rgb", "to_rgb"]


@dataclass(frozen=True)
class Source:
    """A picture or a video: a file, or bytes in memory.

    name: for messages and results. place: path of the annotated copy below the output folder.
    """

    name: str
    content: Path | bytes
    place: str


def decode_rgb(content: Path | bytes, name: str) -> Image.Image:
    """Decodes a picture and converts it with `to_rgb`. Raises Unreadable."""
    return to_rgb(decode(content, name, colours=True))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Returns a picture upright and in RGB, with transparency on black and 16-bit grey scaled as for networks."""
    picture = opaque(upright(picture))
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = to_grey(picture)
    return picture.convert("RGB")
