"""Undoes the encodings in which clients send pictures: compressed bodies, base64, data: URLs."""

import base64
import binascii
import zlib
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import unquote, unquote_to_bytes

from fer.serving.refusal import RequestError

PIECE = 1 << 20  # bytes that are decompressed at a time
GZIP_OR_ZLIB, RAW = 47, -15  # wbits of zlib: header detected, no header
CODINGS = ("gzip", "x-gzip", "deflate")
URL_SAFE = str.maketrans("-_", "+/")
MAX_QUOTE = 200  # characters of a request in an error
TEXT_SAMPLE = 1024  # first bytes of a body, which decide whether it is text or a picture
TEXT_BYTES = frozenset(b"\t\n\r" + bytes(range(32, 127)))


async def inflate(stream: AsyncGenerator[bytes, None], coding: str, limit: int) -> AsyncGenerator[bytes, None]:
    """Yields a body without its Content-Encoding, in pieces of at most PIECE bytes.

    Raises RequestError for an unknown coding, for damaged data, and beyond `limit` decompressed bytes.
    """
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        async for chunk in stream:
            yield chunk
        return
    if coding not in CODINGS:
        raise RequestError(415, f"the encoding '{coding[:MAX_QUOTE]}' is not supported; send gzip, deflate or none")
    length, member = 0, None
    async for chunk in stream:
        rest = chunk
        while rest:
            if member is None or member.eof:  # a gzip file may have several members
                member = zlib.decompressobj(window(coding, rest))
            piece, rest = decompress(member, rest)
            length += len(piece)
            if length > limit:
                raise RequestError(413, f"the request is longer than the {limit / 2**20:,.1f} MiB that are accepted")
            yield piece
    if member is not None and not member.eof:
        raise RequestError(400, f"the {coding} body ends early")


def window(coding: str, start: bytes) -> int:
    """Returns zlib's wbits. Some clients send deflate without the zlib header that HTTP asks for."""
    has_header = start[0] & 15 == 8 and (len(start) < 2 or int.from_bytes(start[:2]) % 31 == 0)
    return RAW if coding == "deflate" and not has_header else GZIP_OR_ZLIB


def decompress(member: Any, data: bytes) -> tuple[bytes, bytes]:
    """Returns at most PIECE decompressed bytes, and the data that is left. Raises RequestError for damaged data."""
    try:
        piece = member.decompress(data, PIECE - 1)
        rest = member.unconsumed_tail or member.unused_data
        if not rest:  # what zlib has read but not yet written
            piece += member.decompress(b"", PIECE) if not member.eof else b""
    except zlib.error as error:
        raise RequestError(400, f"the compressed body is damaged ({error})") from error
    return piece, rest


def decode_base64(name: str, image: Any) -> bytes:
    """Decodes base64 (with or without line breaks and padding, URL-safe too) or a data: URL.

    Raises RequestError, which names the picture.
    """
    if not isinstance(image, str):
        raise RequestError(400, f"{name}: expected a picture as base64, in a string")
    text = image
    if image[:5].lower() == "data:":
        head, _, text = image.partition(",")
        if not head.lower().rstrip().endswith("base64"):
            return unquote_to_bytes(text)
        text = unquote(text)
    text = "".join(text.split()).translate(URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        reason = str(error)[:MAX_QUOTE]
        if text.startswith(("b'", 'b"')):
            reason = "it is the text of a Python bytes object; send base64.b64encode(…).decode()"
        if text[:8].lower().startswith(("http://", "https://")):
            reason = "it is an address, and the server downloads nothing; send the picture itself"
        raise RequestError(400, f"{name}: not base64 ({reason})") from error


def is_text(content: bytes) -> bool:
    """Whether the beginning of `content` is printable ASCII, which no picture file has."""
    return TEXT_BYTES.issuperset(content[:TEXT_SAMPLE])
