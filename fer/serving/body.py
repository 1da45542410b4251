"""Extracts pictures from requests: form files, base64 in JSON, or the raw body. In memory only."""

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
from fer.serving.refusal import Refused
from fer.serving.settings import Limits

HOW = 'send files as multipart/form-data, {"images": [base64, …]} as application/json, or a picture as image/*'
PATIENCE = 4
"""A body that is too long is read on, and thrown away, until it is so many times too long: whoever sends it sees the
answer only afterwards."""
NAME = 200  # characters of a file's name that are repeated in the answer


class InMemory(MultiPartParser):
    """Starlette would write files of more than a megabyte to disk."""

    spool_max_size = 2**62


async def pictures(request: Request, limits: Limits) -> list[Source]:
    """One to `limits.pictures` of them. Raises Refused for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = limited(request, limits.body)
    if kind == "multipart/form-data":
        found = await of_form(request, stream, limits)
    elif kind == "application/json":
        found = of_json(await joined(stream))
    elif kind.startswith("image/") or kind == "application/octet-stream":
        found = [Source("picture", await joined(stream), "picture")]
    else:
        raise Refused(415, f"'{kind[:NAME]}' is not taken; {HOW}" if kind else f"no content type; {HOW}")
    if not found:
        raise Refused(400, f"no picture in the request; {HOW}")
    if len(found) > limits.pictures:
        raise Refused(413, f"{len(found)} pictures, more than the {limits.pictures} that are taken at a time")
    return found


async def limited(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives. Raises Refused once it is longer than `limit` bytes."""
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= limit:
            yield chunk
        elif length > PATIENCE * limit:
            break
    if length > limit:
        raise Refused(413, f"the request is longer than the {limit / 2**20:,.1f} MiB that are taken")


async def joined(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def of_form(request: Request, stream: AsyncIterator[bytes], limits: Limits) -> list[Source]:
    """Every file of the form, whatever its field is called."""
    try:
        form = await InMemory(request.headers, stream, max_files=limits.pictures, max_fields=limits.pictures).parse()
    except (MultiPartException, FormParserError) as error:
        raise Refused(400, f"not a form that can be read: {getattr(error, 'message', error)}") from error
    try:
        files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
        named = [(presentable(file.filename) or f"picture {n}", await file.read()) for n, file in enumerate(files, 1)]
        return [Source(name, content, name) for name, content in named]
    finally:
        await form.close()


def presentable(name: str | None) -> str:
    """A name as it can be sent back: what UTF-8 lacks replaced, no control characters, not too long."""
    text = (name or "").encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "·" for letter in text)[-NAME:]


def of_json(body: bytes) -> list[Source]:
    """{"image": base64} or {"images": [base64, …]}; a data: URL will do as well."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"not JSON: {str(error)[:NAME]}") from error
    if not isinstance(content, dict) or not content.keys() <= {"image", "images"}:
        raise Refused(400, 'expected {"image": base64} or {"images": [base64, …]}')
    images = content.get("images", [])
    if not isinstance(images, list):
        raise Refused(400, '"images" is no list')
    images = [*([content["image"]] if "image" in content else []), *images]
    names = [f"picture {n}" for n in range(1, len(images) + 1)]
    return [Source(name, decoded(name, image), name) for name, image in zip(names, images, strict=True)]


def decoded(name: str, image: Any) -> bytes:
    if not isinstance(image, str):
        raise Refused(400, f"{name}: expected a picture as base64, in a string")
    text = image.partition(",")[2] if image.startswith("data:") else image
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, f"{name}: not base64 ({str(error)[:NAME]})") from error
