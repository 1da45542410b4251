"""Reads pictures that anybody may have sent: whatever is wrong with one is said in a line."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from fer.errors import UserError
from fer.preprocess import luma, opaque, to_grey, upright

MAX_PIXELS = 150_000_000
"""A larger picture is refused before it is decoded. Telephones make up to 108 million pixels (200 with the newest
sensors at full size); in memory each pixel takes 3 bytes or more."""

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # MAX_PIXELS is checked instead


class Unreadable(UserError):
    """A picture or video that cannot be used, and why; others can."""


@dataclass(frozen=True)
class Source:
    """Where a picture or a video comes from: a file, or bytes already read.

    name is shown; place is where its annotated copy lies below the output folder.
    """

    name: str
    content: Path | bytes
    place: str


def read(
    content: Path | bytes,
    name: str,
    limit: int = MAX_PIXELS,
    formats: Sequence[str] | None = None,
    colours: bool = False,
) -> Image.Image:
    """The decoded picture, the first one of an animation. Raises Unreadable with `name` in its line.

    formats: Pillow's names of those that are tried, such as "PNG"; None tries all. colours: for people; networks see
    grey, and without its colours a JPEG is decoded faster.
    """
    try:
        picture = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content, formats=formats)
        if picture.width * picture.height > limit:
            millions = picture.width * picture.height / 1e6
            raise Unreadable(f"{name}: {millions:,.0f} million pixels, more than the {limit / 1e6:,.0f} that are read")
        (picture if colours else luma(picture)).load()
    except Unreadable:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise Unreadable(f"{name}: {reason(error, content)}") from error
    return picture


def reason(error: Exception, content: Path | bytes) -> str:
    """Why a picture cannot be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, Image.UnidentifiedImageError):
        empty = not content if isinstance(content, bytes) else not content.stat().st_size
        return "the file is empty" if empty else "not a picture of a known kind"
    text = getattr(error, "strerror", None) or " ".join(str(error).split())[:100] or type(error).__name__
    return f"unreadable picture ({text})"


def in_colour(content: Path | bytes, name: str) -> Image.Image:
    """The picture that `read` decodes, as people see it."""
    return colour(read(content, name, colours=True))


def colour(picture: Image.Image) -> Image.Image:
    """Any picture as people see it: upright, mode RGB, transparency laid on black, deep grey scaled as for networks."""
    picture = opaque(upright(picture))
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = to_grey(picture)
    return picture.convert("RGB")
