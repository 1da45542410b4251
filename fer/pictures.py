"""Decodes picture files; the only decoder for training, prediction and serving."""

import io
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from fer.errors import UserError
from fer.picture_kinds import FORMATS, HEAD, KINDS, SUFFIXES, formats_for, why_unknown
from fer.streams import printable

__all__ = ["FORMATS", "KINDS", "SUFFIXES", "TooLarge", "Unreadable", "decode", "decode_reduced", "size_of"]

MAX_PIXELS = 150_000_000
"""A larger picture is refused before it is decoded. Phones make pictures of up to 108 million pixels (200 with the
newest sensors at full size). In memory each pixel takes 1 to 4 bytes, and up to 16 while transparency is removed."""

BITS_PER_SAMPLE = 258  # TIFF's tag
BLOCK = 1 << 20  # bytes read at a time
DRAFTS = ("JPEG", "MPO")
"""Formats that Pillow decodes in grey or smaller; of HEIF it would decode a thumbnail."""
ENOUGH = 0.9
"""Share of the wanted side that a reduced picture has at least."""

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # MAX_PIXELS is checked instead
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # on damaged metadata; damaged pixels raise


class Unreadable(UserError):
    """A picture or video cannot be read.

    Attributes:
        reason: why, without the name.
    """

    def __init__(self, name: object, reason: str):
        super().__init__(f"{name}: {reason}")
        self.reason = printable(reason)


class TooLarge(Unreadable):
    """A picture has more pixels than the limit."""


def decode(content: bytes | Path, name: object, limit: int = MAX_PIXELS, colours: bool = False) -> Image.Image:
    """Decodes a picture file; of several frames, the first.

    The orientation tag is not applied, see `fer.preprocess.upright`.

    Args:
        content: the bytes of the file, or its path.
        name: what errors call the file.
        limit: the most pixels (width × height); a larger picture is refused before it is decoded.
        colours: whether a JPEG keeps its colours. Without them only the brightness that it stores is decoded, in half
            the time. On a photograph it differs from the grey of the colours by 0.01 of 255 levels on average and by
            15 at most, by 1 at most once it has shrunk to 48×48.

    Raises:
        Unreadable: the content is not a complete picture of a supported format, or a checksum is wrong.
        TooLarge: the picture has more than `limit` pixels.
    """
    return _read(_pixels, content, name, limit, colours)


def decode_reduced(
    content: bytes | Path, name: object, side: int, limit: int = MAX_PIXELS
) -> tuple[Image.Image, tuple[int, int]]:
    """Decodes the brightness of a picture file, of a large JPEG with a half, quarter or eighth of its sides.

    JPEG stores frequencies, so a part of them makes a smaller picture in a fraction of the time. Other formats are
    decoded whole.

    Args:
        content, name, limit: see `decode`.
        side: the longer side of the result has at least about this many pixels, if the picture has.

    Returns the picture and the width and height in the file, both before rotation. Raises Unreadable and TooLarge.
    """
    sizes: list[tuple[int, int]] = []
    picture = _read(_pixels, content, name, limit, False, lambda size: sizes.append(size) or reduced(size, side))
    return picture, sizes[0]


def reduced(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns the size for `Image.draft`: that of the largest division whose longer side is at least 0.9 · `side`."""
    division = next((part for part in (8, 4, 2) if max(size) >= ENOUGH * side * part), 1)
    return size[0] // division, size[1] // division


def size_of(content: bytes | Path, name: object, limit: int = MAX_PIXELS) -> tuple[int, int]:
    """Returns width and height from the header of a picture file, before rotation. Raises Unreadable and TooLarge."""
    return _read(_header, content, name, limit).size


def _read(reader: Callable[..., Image.Image], content: bytes | Path, name: object, *options: object) -> Image.Image:
    """Returns `reader(file, name, *options)` for the open file. Raises Unreadable for whatever goes wrong."""
    try:
        with io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb") as file:
            return reader(file if file.seekable() else io.BytesIO(file.read()), name, *options)
    except Unreadable:
        raise
    except Exception as error:  # Pillow's decoders raise almost anything on damaged files
        raise Unreadable(name, _reason(error)) from error


def _pixels(file: BinaryIO, name: object, limit: int, colours: bool, small: Callable | None = None) -> Image.Image:
    """Returns the decoded picture, drafted at the size `small(size)`. Raises TooLarge, and what Pillow raises."""
    picture = _header(file, name, limit)
    if picture.format == "PNG":
        check_png(file)
    size = small(picture.size) if small else None
    if not colours and picture.format in DRAFTS:
        picture.draft("L", size)
    picture.load()  # once, and before anything else: getexif() hides what a decoder raises
    if picture.mode == "LAB":
        raise ValueError("colours in CIELAB, convert them to RGB")
    if isinstance(picture, TiffImageFile) and picture.mode == "RGB":
        check_bits(picture)
    return picture


def check_bits(picture: TiffImageFile) -> None:
    """Raises ValueError for colours of 16 bits that use at most 14: Pillow keeps the upper 8, so little is left."""
    is_dark = not any(sum(band.histogram()[1 << 6 :]) for band in picture.split())
    if max(picture.tag_v2.get(BITS_PER_SAMPLE, (8,))) == 16 and is_dark:
        raise ValueError("colours of at most 14 bits in 16; save it with 8 bits")


def check_png(file: BinaryIO) -> None:
    """Checks the CRC-32 of all chunks of a PNG file, which Pillow does not do for pixels.

    The file's position stays as it is. Raises ValueError where one is wrong or the file ends before its last chunk.
    """
    position = file.tell()
    file.seek(8)  # after the signature
    kind = b""
    while kind != b"IEND":
        head = file.read(8)
        length, kind = int.from_bytes(head[:4]), head[4:]
        crc = zlib.crc32(kind)
        while length > BLOCK:
            crc = zlib.crc32(file.read(BLOCK), crc)
            length -= BLOCK
        rest = file.read(length + 4)
        if len(rest) < length + 4:
            raise ValueError("the file ends early")
        if rest[length:] != zlib.crc32(rest[:length], crc).to_bytes(4):
            raise ValueError("a checksum is wrong")
    file.seek(position)


def _header(file: BinaryIO, name: object, limit: int) -> Image.Image:
    """Opens a picture without decoding its pixels. Raises TooLarge."""
    head = file.read(HEAD)
    file.seek(0)
    if not head:
        raise Unreadable(name, "the file is empty")
    if Image.MAX_IMAGE_PIXELS is not None and limit > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = limit  # Pillow warns beyond it and refuses beyond twice as much
    try:
        picture = Image.open(file, formats=formats_for(head))
    except Image.UnidentifiedImageError:
        raise Unreadable(name, why_unknown(head)) from None
    except Image.DecompressionBombError:
        raise TooLarge(name, f"more than the {limit:,} pixels that are read") from None
    pixels = picture.width * picture.height
    if pixels > limit:
        raise TooLarge(name, f"{pixels:,} pixels, more than the {limit:,} that are read")
    return picture


def _reason(error: Exception) -> str:
    """Returns why a picture cannot be read, in words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    text = getattr(error, "strerror", None) or " ".join(str(error).split())[:100] or type(error).__name__
    return f"unreadable picture ({text})"
