"""Extracts pictures from requests: form files, base64 in JSON, or the raw body. Nothing is written to disk."""

import base64
import binascii
import json
from collections.abc import AsyncIterator
from typing import Any

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from fer.prediction.pictures import Source
from fer.serving.refusal import RequestError
from fer.serving.settings import Limits

USAGE = 'send files as multipart/form-data, {"images": [base64, …]} as application/json, or a picture as image/*'
DRAIN_FACTOR = 4
"""A body that is too long is read and discarded, up to this multiple of the limit, because most clients read the answer
only after sending everything."""
MAX_NAME = 200  # characters of a file name in answers


class InMemory(MultiPartParser):
    """Keeps files in memory; Starlette would write those of more than a megabyte to disk."""

    spool_max_size = 2**62


async def pictures(request: Request, limits: Limits) -> list[Source]:
    """Returns the pictures of a request. Raises RequestError for none, and for more than `limits.pictures`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = limited(request, limits.body)
    if kind == "multipart/form-data":
        sources = await pictures_from_form(request, stream, limits)
    elif kind == "application/json":
        sources = pictures_from_json(await read_all(stream))
    elif kind.startswith("image/") or kind == "application/octet-stream":
        sources = [Source("picture", await read_all(stream), "picture")]
    else:
        raise RequestError(
            415, f"'{kind[:MAX_NAME]}' is not supported; {USAGE}" if kind else f"no content type; {USAGE}"
        )
    if not sources:
        raise RequestError(400, f"no picture in the request; {USAGE}")
    if len(sources) > limits.pictures:
        raise RequestError(413, f"{len(sources)} pictures, more than the limit of {limits.pictures} per request")
    return sources


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """Yields the body as it arrives. Raises RequestError if it is longer than `limit` bytes."""
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= limit:
            yield chunk
        elif length > DRAIN_FACTOR * limit:
            break
    if length > limit:
        raise RequestError(413, f"the request is longer than the {limit / 2**20:,.1f} MiB that are accepted")


async def read_all(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def pictures_from_form(request: Request, stream: AsyncIterator[bytes], limits: Limits) -> list[Source]:
    """Returns all files of the form, regardless of their fields' names."""
    try:
        form = await InMemory(request.headers, stream, max_files=limits.pictures, max_fields=limits.pictures).parse()
    except (MultiPartException, FormParserError) as error:
        raise RequestError(400, f"the form cannot be read: {getattr(error, 'message', error)}") from error
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        sources = []
        for number, file in enumerate(files, 1):
            name = printable_name(file.filename) or f"picture {number}"
            sources.append(Source(name, await file.read(), name))
        return sources
    finally:
        await form.close()


def printable_name(name: str | None) -> str:
    """Returns the end of a file name, with control characters and invalid UTF-8 replaced."""
    text = (name or "").encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "·" for letter in text)[-MAX_NAME:]


def pictures_from_json(body: bytes) -> list[Source]:
    """Parses {"image": base64} or {"images": [base64, …]}; data: URLs are accepted, too."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"not JSON: {str(error)[:MAX_NAME]}") from error
    if not isinstance(content, dict) or not content.keys() <= {"image", "images"}:
        raise RequestError(400, 'expected {"image": base64} or {"images": [base64, …]}')
    images = content.get("images", [])
    if not isinstance(images, list):
        raise RequestError(400, '"images" is not a list')
    if "image" in content:
        images = [content["image"], *images]
    names = [f"picture {number}" for number in range(1, len(images) + 1)]
    return [Source(name, decode_base64(name, image), name) for name, image in zip(names, images, strict=True)]


def decode_base64(name: str, image: Any) -> bytes:
    """Decodes base64 or a data: URL. Raises RequestError, which names the picture."""
    if not isinstance(image, str):
        raise RequestError(400, f"{name}: expected a picture as base64, in a string")
    text = image.partition(",")[2] if image.startswith("data:") else image
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(400, f"{name}: not base64 ({str(error)[:MAX_NAME]})") from error
