import socket

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fer.serving import listen
from fer.serving.guard import host_name

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
TOKEN = "a-token-of-32-letters-0123456789"
EVIL = "https://evil.example"


def test_a_token_is_asked_for_where_it_is_set(serve, picture):
    server = serve(token=TOKEN)
    assert server.post(("a.png", picture(230))).status == 401
    assert server("/v1/model", Authorization="Bearer wrong").status == 401
    assert server("/v1/model", Authorization=f"Basic {TOKEN}").status == 401
    assert server("/metrics").status == 401
    assert server.post(("a.png", picture(230)), Authorization=f"Bearer {TOKEN}").status == 200


def test_page_and_health_need_no_token(serve):
    server = serve(token=TOKEN)
    assert [server(path).status for path in ("/", "/page.js", "/docs", "/openapi.json", "/healthz")] == [200] * 5


def test_without_a_body_read_the_token_is_asked_first(serve):
    answer = serve(token=TOKEN)("/v1/predict", b"x" * 100_000, Content_Type="image/png")
    assert (answer.status, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_pages_of_others_are_refused(server, picture):
    assert server.post(("a.png", picture(230)), Origin=EVIL).status == 403
    assert server.post(("a.png", picture(230)), Origin="null").status == 403
    assert server.post(("a.png", picture(230)), Origin=server.address).status == 200


def test_pages_of_others_get_no_stream(server):
    with pytest.raises(InvalidStatus), connect(server.address.replace("http", "ws") + "/v1/stream", origin=EVIL):
        pass


def test_a_name_that_points_here_is_no_name_of_the_server(server):
    assert server("/", Host="evil.example").status == 421
    assert server("/", Host="localhost:8000").status == 200


def test_cors_is_off_unless_asked(server, serve):
    assert "access-control-allow-origin" not in server("/healthz").headers
    open_to = serve(origins=(EVIL,))
    answer = open_to("/v1/model", Origin=EVIL)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, EVIL)
    assert open_to("/v1/model", Origin="https://other.example").status == 403


@pytest.mark.parametrize("path", ["/", "/v1/model", "/nothing"])
def test_every_answer_forbids_the_browser_all_else(server, path):
    headers = server(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


NO_ORIGIN = [
    "",
    "null",
    "http://",
    "://",
    "http://[",
    "http://[::1",
    "http://[::1]]",
    "http://[v1.x]",
    "http://[fe80::1%25eth0]",
    "http://{host}/",
    "http://{host}:99999999",
    "http://{host}:x",
    "http://user@{host}",
    "ftp://{host}",
    "http://{host} http://{host}",
    "http://ex\xe4mple.org",
    "http://a\xe2\x84\x80b",
    "http://%00",
    "a" * 5000,
]


@pytest.mark.full
@pytest.mark.parametrize("names", [listen.LOCAL, ()], ids=["names", "any name"])
@pytest.mark.parametrize("origin", NO_ORIGIN)
def test_what_is_no_origin_is_refused_on_both_ways_in(serve, origin, names):
    server = serve(names=names)
    host = server.address.removeprefix("http://")
    for path, more in (("/healthz", ""), ("/v1/stream", UPGRADE)):
        assert status(server, f"GET {path}", f"Host: {host}\r\nOrigin: {origin.format(host=host)}\r\n{more}") == 403


@pytest.mark.full
@pytest.mark.parametrize(
    "host", ["", "[", "[::1", "[v1.x]", "\xff", "a\xe2\x84\x80b", ":", ":80", "a@b", "a b", "a" * 5000]
)
@pytest.mark.parametrize("origin", ["", "Origin: null\r\n", "Origin: http://\r\n"])
def test_no_host_fails_the_server(serve, host, origin):
    server = serve(names=())
    for path, more in (("/healthz", ""), ("/healthz/", ""), ("/nothing", ""), ("/v1/stream", UPGRADE)):
        answer = status(server, f"GET {path}", f"Host: {host}\r\n{origin}{more}")
        assert answer == 403 if origin else answer < 500


def status(server, request: str, headers: str) -> int:
    """Of the answer to a request that is sent as it is written."""
    with socket.create_connection(server.address.removeprefix("http://").split(":"), timeout=20) as connection:
        connection.sendall(f"{request} HTTP/1.1\r\n{headers}\r\n".encode("latin-1"))
        return int(connection.recv(100).split()[1])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.b:80", "a.b"),
        ("LOCALHOST", "localhost"),
        ("[::1]:80", "::1"),
        ("[0:0::1]", "::1"),
        ("127.0.0.1:99999999", "127.0.0.1"),
        ("", ""),
        ("[", ""),
        ("[::1", ""),
        ("[x]", ""),
        ("localhost:x", ""),
        ("user@localhost", ""),
        ("localhost/x", ""),
        ("localhost\\@evil", ""),
        ("localhost localhost", ""),
    ],
)
def test_names_come_without_port(host, name):
    assert host_name(host) == name
