"""Loads pictures to recognise, upright as people see them."""

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fer.pictures import Unreadable, decode
from fer.preprocess import opaque, to_grey, upright

__all__ = ["Source", "Unreadable", "colour", "in_colour"]


@dataclass(frozen=True)
class Source:
    """Where a picture or a video comes from: a file, or bytes already read.

    name is shown; place is where its annotated copy lies below the output folder.
    """

    name: str
    content: Path | bytes
    place: str


def in_colour(content: Path | bytes, name: str) -> Image.Image:
    """The decoded picture as people see it, see `colour`. Raises Unreadable."""
    return colour(decode(content, name, colours=True))


def colour(picture: Image.Image) -> Image.Image:
    """Any picture as people see it: upright, mode RGB, transparency laid on black, deep grey scaled as for networks."""
    picture = opaque(upright(picture))
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = to_grey(picture)
    return picture.convert("RGB")
