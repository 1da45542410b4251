"""The server below a path of a proxy."""

import json
import re
import socket
import threading
import urllib.request
from contextlib import suppress
from ipaddress import ip_network

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from fer.errors import UserError
from fer.serving.proxies import parse_proxies, parse_root_path

LOCAL = (ip_network("127.0.0.0/8"),)


class Proxy:
    """A proxy on a free port: a request for /fer/… goes to the server, as /… if `strips`, with `headers` added."""

    def __init__(self, target: str, strips: bool, headers: str = "Host: inner.example\r\n"):
        host, port = target.removeprefix("http://").split(":")
        self.target, self.strips, self.headers = (host, int(port)), strips, headers
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.address = f"http://{self.host}/fer/"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.relay, args=(client,), daemon=True).start()

    def relay(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self.target) as server:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            head, _, rest = head.partition(b"\r\n\r\n")
            server.sendall(self.rewritten(head.decode()).encode() + rest)
            back = threading.Thread(target=pipe, args=(server, client), daemon=True)
            back.start()
            pipe(client, server)
            back.join()

    def rewritten(self, head: str) -> str:
        if not re.match(r"[A-Z]+ /fer/", head):
            return "GET /outside HTTP/1.1\r\nHost: localhost\r\n\r\n"
        if self.strips:
            head = head.replace(" /fer/", " /", 1)
        if "host" in self.headers.lower():
            head = re.sub(r"(?i)\r\nhost:[^\r]*", "", head)
        if not re.search(r"(?im)^upgrade:", head):  # one request a connection; cameras keep theirs
            head = re.sub(r"(?i)\r\nconnection:[^\r]*", "", head) + "\r\nConnection: close"
        return f"{head}\r\n{self.headers.format(host=self.host)}\r\n"


def pipe(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy():
    proxies = []

    def start(*arguments, **options) -> Proxy:
        proxies.append(Proxy(*arguments, **options))
        return proxies[-1]

    yield start
    for running in proxies:
        running.listener.close()


KEEPS_HOST = "Host: {host}\r\n"
FORWARDS = "Host: inner.example\r\nX-Forwarded-Host: {host}\r\nX-Forwarded-Proto: http\r\n"


@pytest.mark.full
@pytest.mark.parametrize(
    ("strips", "headers", "settings"),
    [
        (True, KEEPS_HOST, {"root_path": "/fer"}),
        (False, KEEPS_HOST, {"root_path": "/fer"}),
        (True, FORWARDS, {"root_path": "/fer", "proxies": LOCAL}),
        (True, f"{FORWARDS}X-Forwarded-Prefix: /fer\r\n", {"proxies": LOCAL}),
    ],
)
def test_page_docs_and_camera_work_below_a_path(serve, proxy, page, picture, strips, headers, settings):
    running = proxy(serve(names=("127.0.0.1",), **settings).address, strips, headers)
    page.goto(running.address)
    page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": picture(230)})
    page.wait_for_selector("#faces li")
    page.click("#camera")
    page.locator("#latency", has_text="frames/s").wait_for()
    page.click("#camera")
    page.click("footer a")
    page.wait_for_selector("#paths table")
    assert f"{running.address}v1/predict" in page.inner_text("#examples")
    assert all(url.split("://")[1].startswith(f"{running.host}/fer/") for url in page.asked if "blob" not in url[:5])
    assert any(url.startswith("ws:") for url in page.asked)


@pytest.mark.parametrize("strips", [True, False])
def test_redirects_and_the_schema_keep_the_path(serve, proxy, strips):
    running = proxy(serve(root_path="/fer").address, strips, KEEPS_HOST)
    with urllib.request.urlopen(f"{running.address}docs/") as answer:
        assert answer.url == f"{running.address}docs"
    schema = json.load(urllib.request.urlopen(f"{running.address}openapi.json"))
    assert schema["servers"] == [{"url": "/fer"}]


def test_the_token_protects_every_path(serve):
    server = serve(token="a-token-of-32-letters-0123456789", root_path="/fer")
    for path in ("/v1/model", "/fer/v1/model", "/metrics", "/fer/metrics"):
        assert server(path).status == 401
    for path in ("/fer/fer/v1/model", "/ferv1/model", "/fer//v1/model", "//v1/model", "/fer"):
        assert server(path).status in (200, 404)
        assert b"classes" not in server(path).body
    assert server("/fer/healthz").status == server("/healthz").status == 200


def test_only_trusted_proxies_are_believed(serve):
    stranger, friend = serve(), serve(proxies=LOCAL)
    headers = {"Origin": "https://a.example", "X-Forwarded-Host": "a.example"}
    assert stranger("/healthz", **headers).status == 403
    assert friend("/healthz", **headers).status == 421  # the host is believed, and no name of this server
    named = serve(names=("a.example",), proxies=LOCAL)
    assert named("/healthz", **headers).status == 200
    assert named("/healthz", **headers | {"X-Forwarded-Host": "a.example, evil.example"}).status == 421
    assert named("/healthz", Host="evil.example").status == 421
    away = serve(names=("a.example",), proxies=(ip_network("10.0.0.0/8"),))
    assert away("/healthz", **headers).status == 421


def test_a_camera_through_a_proxy_is_checked_too(serve):
    server = serve(names=("a.example",), proxies=LOCAL)
    address = server.address.replace("http", "ws") + "/v1/stream"
    with connect(address, origin="https://a.example", additional_headers={"X-Forwarded-Host": "a.example"}):
        pass
    with pytest.raises(InvalidStatus):
        connect(address, origin="https://evil.example", additional_headers={"X-Forwarded-Host": "a.example"})


@pytest.mark.parametrize(("text", "path"), [("/fer", "/fer"), ("/a/b-c/", "/a/b-c"), ("/", ""), ("", "")])
def test_root_paths_lose_the_last_slash(text, path):
    assert parse_root_path(text) == path


@pytest.mark.parametrize(
    "text", ["fer", "/fer//x", "https://a.example/fer", "/a b", "/fer?x", "/v1", "/docs/x", "/{x}"]
)
def test_other_root_paths_are_one_line(text):
    with pytest.raises(UserError, match="--root-path"):
        parse_root_path(text)


def test_proxies_are_addresses_and_networks():
    assert parse_proxies(["127.0.0.1, ::1", "10.1.2.3/8"]) == tuple(map(ip_network, ("127.0.0.1", "::1", "10.0.0.0/8")))
    for text in ("localhost", "*", "10.0.0.0/99"):
        with pytest.raises(UserError, match="expected an address or a network"):
            parse_proxies([text])
