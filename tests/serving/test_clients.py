"""What curl, requests, fetch, Postman, C# and Java send: types, encodings, methods."""

import asyncio
import base64
import gzip
import http.client
import json
import socket
import zlib
from urllib.parse import quote

import pytest

from fer.serving.coding import decode_base64, inflate
from fer.serving.refusal import RequestError
from fer.serving.settings import Limits

URLENCODED = "application/x-www-form-urlencoded"


def labels(answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [face["label"] for picture in answer.json["pictures"] for face in picture["faces"]]


def spellings(content: bytes) -> dict[str, str]:
    text = base64.b64encode(content).decode()
    return {
        "plain": text,
        "lines of 76": base64.encodebytes(content).decode(),
        "lines of Windows": base64.encodebytes(content).decode().replace("\n", "\r\n"),
        "url-safe": base64.urlsafe_b64encode(content).decode(),
        "unpadded": text.rstrip("="),
        "data url": f"data:image/png;base64,{text}",
        "data url with a parameter": f"data:image/png;charset=utf-8;base64,{text}",
        "data url, escaped": f"DATA:image/png;BASE64,{quote(text, safe='')}",
        "data url without base64": f"data:image/png,{quote(content)}",
    }


@pytest.mark.parametrize("spelling", spellings(b""))
def test_every_spelling_of_base64_is_decoded(spelling):
    for content in (bytes(range(256)), bytes([251, 255, 254]) * 85, b"ab"):
        assert decode_base64("a", spellings(content)[spelling]) == content


@pytest.mark.parametrize("text", ["a", "ab=c", "ü", "a.b", "b'/9j/4AAQ'", "data:image/png;base64,?"])
def test_other_text_is_refused_with_the_name_of_the_picture(text):
    with pytest.raises(RequestError, match=r"picture 3: not base64"):
        decode_base64("picture 3", text)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "text/json", "application/a+json"]
)
@pytest.mark.parametrize("key", ["image", "images", "file", "photo"])
def test_json_of_every_type_and_key_is_read(server, picture, kind, key):
    body = json.dumps({key: base64.encodebytes(picture(230)).decode()}).encode()
    assert labels(server("/v1/predict", body, Content_Type=kind)) == ["bright"]


def test_a_picture_without_a_type_of_its_own_is_read(server, picture):
    """`curl --data-binary` says urlencoded, requests and HttpClient nothing, fetch text/plain for a string."""
    body = picture(230)
    for kind in (URLENCODED, "", "binary/octet-stream", "IMAGE/PNG", "image/png; charset=binary"):
        assert labels(server("/v1/predict", body, Content_Type=kind)) == ["bright"], kind
    text = base64.b64encode(body)
    for content in (text, b'{"image": "%s"}' % text):
        for kind in ("", "text/plain;charset=UTF-8"):
            assert labels(server("/v1/predict", content, Content_Type=kind)) == ["bright"], kind


def test_form_fields_hold_base64(server, picture):
    text = base64.b64encode(picture(250, kind="BMP")).decode()
    assert "+" in text  # which is a blank where the client does not escape it
    for value in (text, quote(text, safe="")):
        assert labels(server("/v1/predict", f"crops=true&image={value}".encode(), Content_Type=URLENCODED)) == [
            "bright"
        ]


def form(*parts: tuple[str, bytes]) -> bytes:
    return b"".join(b"--m\r\n%s\r\n\r\n%s\r\n" % (head.encode(), content) for head, content in parts) + b"--m--\r\n"


@pytest.mark.parametrize("quoted", ["m", '"m"'])
@pytest.mark.parametrize(
    "head",
    [
        "Content-Disposition: form-data; name=file; filename=a.png",
        "Content-Type: image/png\r\nContent-Disposition: form-data; name=x; filename=a.png; filename*=utf-8''a.png",
        "Content-Disposition: form-data; name=image",
        'CONTENT-DISPOSITION: form-data; name="photo"\r\nContent-Type: application/octet-stream',
    ],
)
def test_forms_of_every_client_are_read(server, picture, head, quoted):
    """C# sends files without a name in an unquoted field, and quotes the boundary."""
    body = form((head, picture(230)), ("Content-Disposition: form-data; name=comment", b"hello"))
    assert labels(server("/v1/predict", body, Content_Type=f"multipart/form-data; boundary={quoted}")) == ["bright"]


def test_forms_may_hold_base64(server, picture):
    text = base64.encodebytes(picture(230))
    head = "Content-Disposition: form-data; name="
    body = form((f"{head}image", text), (f"{head}b; filename=a.png\r\nContent-Transfer-Encoding: base64", text))
    answer = server("/v1/predict", body, Content_Type="multipart/form-data; boundary=m")
    assert labels(answer) == ["bright", "bright"]
    only_text = form((f"{head}comment", b"hello"))
    assert server("/v1/predict", only_text, Content_Type="multipart/form-data; boundary=m").status == 400


def test_a_large_text_field_is_read(server, picture):
    """Starlette refuses fields of more than a megabyte."""
    body = form(("Content-Disposition: form-data; name=image", base64.b64encode(picture(230) + bytes(2_000_000))))
    assert labels(server("/v1/predict", body, Content_Type="multipart/form-data; boundary=m")) == ["bright"]


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


PACKINGS = {
    "gzip": gzip.compress,
    "x-gzip": lambda content: gzip.compress(content[:50]) + gzip.compress(content[50:]),
    "deflate": zlib.compress,
    "Deflate": raw_deflate,
    "identity": bytes,
}


@pytest.mark.parametrize("coding", PACKINGS)
def test_compressed_bodies_are_read(server, picture, coding):
    body = PACKINGS[coding](picture(230))
    assert labels(server("/v1/predict", body, Content_Type="image/png", Content_Encoding=coding)) == ["bright"]


@pytest.mark.parametrize(
    ("body", "coding", "status"),
    [
        (b"x", "br", 415),
        (b"x", "gzip, gzip", 415),
        (b"no gzip", "gzip", 400),
        (gzip.compress(bytes(10**4))[:-9], "gzip", 400),
        (gzip.compress(bytes(30_000)), "gzip", 413),
        (gzip.compress(b"") * 3 + gzip.compress(bytes(10**6)), "gzip", 413),
    ],
    ids=["brotli", "twice", "no gzip", "cut short", "too large", "too large after empty members"],
)
def test_other_compressed_bodies_are_refused_with_a_reason(serve, body, coding, status):
    server = serve(limits=Limits(body=20_000))
    answer = server("/v1/predict", body, Content_Type="image/png", Content_Encoding=coding)
    assert (answer.status, "error" in answer.json) == (status, True)


def test_a_bomb_is_not_unpacked():
    """A body of 50 kB that unpacks to 50 MB stops at the limit, and no piece is large."""

    async def unpack() -> None:
        async def stream():
            yield gzip.compress(bytes(50_000_000))

        async for piece in inflate(stream(), "gzip", 2**22):
            pieces.append(len(piece))

    pieces = []
    with pytest.raises(RequestError, match="longer than"):
        asyncio.run(unpack())
    assert sum(pieces) <= 2**22
    assert max(pieces) <= 2**20


def ask(server, method: str, path: str, **headers: str):
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, dict(answer.getheaders()), content


@pytest.mark.parametrize("path", ["/", "/docs", "/page.js", "/openapi.json", "/v1/model", "/healthz", "/metrics", "/x"])
def test_head_is_answered_as_get_without_a_body(server, path):
    status, headers, body = ask(server, "HEAD", path)
    get_status, get_headers, _ = ask(server, "GET", path)
    assert (status, body) == (get_status, b"")
    assert headers["content-type"] == get_headers["content-type"]
    assert path == "/metrics" or headers["content-length"] == get_headers["content-length"]


@pytest.mark.parametrize(
    ("path", "methods"),
    [("/", "GET, HEAD, OPTIONS"), ("/v1/model", "GET, HEAD, OPTIONS"), ("/v1/predict", "OPTIONS, POST")],
)
def test_options_and_other_methods_name_what_is_allowed(serve, path, methods):
    server = serve(token="a-token-of-32-letters-0123456789")
    status, headers, body = ask(server, "OPTIONS", path)
    assert (status, headers["allow"], body) == (204, methods, b"")
    authorization = "Bearer a-token-of-32-letters-0123456789"
    status, headers, _ = ask(server, "DELETE", path, Authorization=authorization)
    assert (status, headers["allow"]) == (405, methods)


def test_a_preflight_of_another_site_is_answered_where_it_is_allowed(serve):
    site = "https://site.example"
    asking = {
        "Origin": site,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-encoding",
    }
    status, headers, _ = ask(
        serve(origins=(site,), token="a-token-of-32-letters-0123456789"), "OPTIONS", "/v1/predict", **asking
    )
    assert (status, headers["access-control-allow-origin"]) == (200, site)
    assert ask(serve(), "OPTIONS", "/v1/predict", **asking)[0] == 403


def exchange(server, head: str, *parts: bytes) -> bytes:
    """Sends a header and, after the server's first bytes if it expects them, the body."""
    host, port = server.address.removeprefix("http://").split(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{head}\r\n".encode())
        if "Expect" in head:
            received += connection.recv(100)
            assert received.startswith(b"HTTP/1.1 100 ")
        for part in parts:
            connection.sendall(part)
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_curl_waits_to_be_told_to_go_on(server, picture):
    body = picture(230)
    head = f"Content-Type: image/png\r\nContent-Length: {len(body)}\r\nExpect: 100-continue\r\n"
    assert b'"bright"' in exchange(server, head, body)


def test_java_asks_for_http_2_and_gets_its_answer(server, picture):
    body = picture(230)
    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    head = f"{upgrade}Content-Length: {len(body)}\r\n"
    assert b'"bright"' in exchange(server, head, body)


def test_chunks_are_put_together(server, picture):
    body = picture(230)
    parts = [b"%x;name=value\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])]
    head = "Content-Type: image/png\r\nTransfer-Encoding: chunked\r\n"
    assert b'"bright"' in exchange(server, head, *parts, b"0\r\n\r\n")
