"""Extracts pictures from requests: form files, base64 in JSON, or the raw body. Nothing is written to disk."""

import io
from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from fer.prediction.pictures import Source
from fer.serving.coding import MAX_QUOTE, decode_base64, inflate, is_text
from fer.serving.json_body import from_base64, is_picture_field, pictures_from_json
from fer.serving.refusal import RequestError
from fer.serving.settings import Limits

USAGE = 'send files as multipart/form-data, {"images": [base64, …]} as application/json, or a picture as image/*'
DRAIN_FACTOR = 4
"""A body that is too long is read and discarded, up to this multiple of the limit, because most clients read the answer
only after sending everything."""
MAX_NAME = MAX_QUOTE  # characters of a file name in answers
URLENCODED = "application/x-www-form-urlencoded"
UNTYPED = ("", "text/plain", URLENCODED)
"""Content types that clients set by default, whatever they send: `curl --data-binary`, fetch, HttpClient."""


LINE_ENDS, PLENTY = set(b"\r\n"), 8192
"""A picture of so many bytes holds some of these, unless they were removed."""


class Memory(io.BytesIO):
    """A file in memory that Starlette reads and writes without a thread, as it does with its own."""

    _rolled = False


class InMemory(MultiPartParser):
    """Keeps files in memory, where Starlette would write those of more than a megabyte to disk.

    Fields without a file name become files, too, because some clients send pictures so; their `filename` is None.
    """

    spool_max_size = 2**62

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        part = self._current_part
        if part.file is None:
            part.file = UploadFile(Memory(), size=0, headers=Headers(raw=part.item_headers))


async def pictures(request: Request, limits: Limits) -> list[Source]:
    """Returns the pictures of a request. Raises RequestError for none, and for more than `limits.pictures`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    stream = inflate(limited(request, limits.body), request.headers.get("content-encoding", ""), limits.body)
    if kind == "multipart/form-data":
        sources = await pictures_from_form(request, stream, limits)
    elif kind in ("application/json", "text/json") or kind.endswith("+json"):
        sources = pictures_from_json(await read_all(stream))
    elif kind.startswith("image/") or kind in ("application/octet-stream", "binary/octet-stream"):
        sources = [raw(await read_all(stream))]
    elif kind in UNTYPED:
        sources = pictures_from_untyped(kind, await read_all(stream), limits)
    else:
        raise RequestError(415, f"'{kind[:MAX_NAME]}' is not supported; {USAGE}")
    if not sources:
        raise RequestError(400, f"no picture in the request; {USAGE}")
    if len(sources) > limits.pictures:
        raise RequestError(413, f"{len(sources)} pictures, more than the limit of {limits.pictures} per request")
    return sources


def raw(content: bytes) -> Source:
    return Source("picture", content, "picture")


def pictures_from_untyped(kind: str, body: bytes, limits: Limits) -> list[Source]:
    """Returns the pictures of a body whose type says nothing: a picture, JSON, form fields or base64."""
    if not is_text(body):
        if kind == URLENCODED and len(body) > PLENTY and not LINE_ENDS & set(body):
            raise RequestError(400, "curl -d removes line ends; send it with --data-binary @FILE or -F file=@FILE")
        return [raw(body)]
    text = body.decode("ascii", "replace").strip()
    if text.startswith(("{", "[")):
        return pictures_from_json(body)
    if kind == URLENCODED:
        return pictures_from_fields(text, limits)
    if not text:
        return []
    try:
        return [raw(decode_base64("picture", text))]
    except RequestError:
        raise RequestError(415, f"no picture in a body of type '{kind}'; {USAGE}") from None


def pictures_from_fields(text: str, limits: Limits) -> list[Source]:
    """Returns the pictures of `image=base64&…`. A "+" that the client did not escape has become a blank."""
    try:
        fields = parse_qsl(text, max_num_fields=2 * limits.pictures)
    except ValueError as error:
        raise RequestError(413, f"the form has too many fields, more than {2 * limits.pictures}") from error
    return from_base64([value.replace(" ", "+") for name, value in fields if is_picture_field(name)])


async def limited(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
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


async def read_all(stream: AsyncGenerator[bytes, None]) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def pictures_from_form(request: Request, stream: AsyncGenerator[bytes, None], limits: Limits) -> list[Source]:
    """Returns the files of the form, regardless of their fields' names, and the pictures in its text fields."""
    try:
        form = await InMemory(request.headers, stream, max_files=limits.pictures, max_fields=limits.pictures).parse()
    except (MultiPartException, FormParserError) as error:
        raise RequestError(400, f"the form cannot be read: {getattr(error, 'message', error)}") from error
    try:
        sources = []
        for field, file in form.multi_items():
            if not isinstance(file, UploadFile):  # InMemory makes no others
                continue
            name = printable_name(file.filename) or f"picture {len(sources) + 1}"
            content = await content_of(field, file, name)
            if content is not None:
                sources.append(Source(name, content, name))
        return sources
    finally:
        await form.close()


async def content_of(field: str, file: UploadFile, name: str) -> bytes | None:
    """Returns the picture in a part of a form; None for a text field of another purpose."""
    content = await file.read()
    if file.headers.get("content-transfer-encoding", "").lower() == "base64":
        return decode_base64(name, content.decode("ascii", "replace"))
    if file.filename is not None or not is_text(content):
        return content
    return decode_base64(name, content.decode("ascii", "replace")) if is_picture_field(field) else None


def printable_name(name: str | None) -> str:
    """Returns the end of a file name, with control characters and invalid UTF-8 replaced."""
    text = (name or "").encode("utf-8", "replace").decode()
    return "".join(letter if letter.isprintable() else "·" for letter in text)[-MAX_NAME:]
