"""Sources of pictures and videos, and the decoding of pictures to upright RGB."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from fer.pictures import Unreadable, decode
from fer.preprocess import opaque, to_grey, upright

__all__ = ["Source", "Unreadable", "decode_rgb", "to_rgb"]


@dataclass(frozen=True)
class Source:
    """A picture or a video.

    name: for messages and results. content: a file, bytes in memory, or the address of a picture as text. For a camera
    or stream it is the camera's number or the address. place: path of the annotated copy below the output folder. kind:
    "picture", "video" for a file, or "live" for a camera or stream.
    """

    name: str
    content: Path | bytes | str
    place: str
    kind: str = "picture"

    @cached_property
    def file(self) -> Path | bytes:
        """The file or its content, downloaded once if it is an address. Raises Unreadable."""
        if not isinstance(self.content, str):
            return self.content
        from fer.prediction.addresses import download

        return download(self.content, self.name)


def decode_rgb(content: Path | bytes, name: str) -> Image.Image:
    """Decodes a picture and converts it with `to_rgb`. Raises Unreadable."""
    return to_rgb(decode(content, name, colours=True))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Returns a picture upright and in RGB, with transparency on black and 16-bit grey scaled as for networks."""
    picture = opaque(upright(picture))
    if picture.mode.startswith("I") or picture.mode == "F":
        picture = to_grey(picture)
    return picture.convert("RGB")
