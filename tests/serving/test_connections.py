"""Clients that keep the server waiting, or send what is not HTTP: others are answered, and the log stays short."""

import json
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from fer.serving import log
from fer.serving.settings import Limits

KEY = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
UPGRADE = f"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n{KEY}Sec-WebSocket-Version: 13\r\n"
UPLOAD = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n"
GOOD = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
PAGE = "GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALVES = {
    "nothing": "",
    "a letter": "G",
    "half a header": "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "half a handshake": UPGRADE,
    "a header after an answer": f"{GOOD}GET / HT",
    "a body after its answer": "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx",
}
PATIENCE = 20.0  # seconds; a machine that does much else is slow


@pytest.fixture
def client() -> Iterator[Callable[..., socket.socket]]:
    """`client(server, "GET …")`: a connection on which this was sent."""
    with ExitStack() as stack:

        def connect(server, sent: str | bytes = b"", buffer: int | None = None) -> socket.socket:
            made = stack.enter_context(socket.socket())
            if buffer:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            made.settimeout(PATIENCE)
            host, port = server.address.removeprefix("http://").split(":")
            made.connect((host, int(port)))
            made.sendall(sent.encode("latin-1") if isinstance(sent, str) else sent)
            return made

        yield connect


def rest(connection: socket.socket) -> bytes:
    """What comes until the server ends the connection. Raises TimeoutError where it does not."""
    received = b""
    try:
        while part := connection.recv(65536):
            received += part
    except ConnectionError:
        pass
    return received


def ended(connection: socket.socket) -> float:
    """Seconds until the server ends the connection."""
    begun = time.monotonic()
    rest(connection)
    return time.monotonic() - begun


def upgraded(connection: socket.socket) -> socket.socket:
    """After the server's part of the handshake."""
    header = b""
    while not header.endswith(b"\r\n\r\n"):
        header += connection.recv(1)
    assert b" 101 " in header.partition(b"\r\n")[0]
    return connection


def frame(kind: int, payload: bytes = b"", last: bool = True) -> bytes:
    """Of a client, masked with zeros. kind: 0 goes on, 1 text, 2 binary, 8 close, 9 ping, 10 pong."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload))
    return bytes([0x80 * last | kind]) + length + bytes(4) + payload


@pytest.mark.parametrize("sent", HALVES.values(), ids=HALVES.keys())
def test_a_header_has_a_deadline(serve, client, sent):
    server = serve(limits=Limits(header=0.3))
    seconds = ended(client(server, sent))
    assert 0.2 < seconds < PATIENCE
    assert server.meters.total("fer_connections_dropped") == 1


def test_a_deadline_is_not_put_off_by_one_byte_after_the_other(serve, client):
    connection = client(serve(limits=Limits(header=0.5)), "GET / HTTP/1.1\r\n")
    begun = time.monotonic()
    with pytest.raises(ConnectionError):  # noqa: PT012
        while time.monotonic() - begun < PATIENCE:
            connection.sendall(b"A: b\r\n")
            time.sleep(0.05)
    assert time.monotonic() - begun >= 0.4


def test_the_time_of_an_answer_is_not_the_time_of_a_header(serve, picture):
    def slow(grey):
        time.sleep(0.6)
        return []

    assert serve(detector=slow, limits=Limits(header=0.2)).post(("a.png", picture(230))).status == 200


@pytest.mark.full
@pytest.mark.parametrize("half", ["nothing", "half a header", "half a handshake"])
def test_connections_that_wait_lock_nobody_out(serve, client, half):
    """Twice as many as are taken, each far from its deadline."""
    server = serve(limits=Limits(connections=8, header=600))
    held = [client(server, HALVES[half]) for _ in range(16)]
    time.sleep(1.2)  # younger ones are left alone
    assert [server("/healthz").status for _ in range(3)] == [200] * 3
    assert len(held) == 16


def test_slow_uploads_lock_nobody_out(serve, client, picture):
    server = serve(limits=Limits(requests=2, seconds=600))
    slow = [client(server, UPLOAD + "x") for _ in range(2)]
    time.sleep(1.2)
    assert server.post(("a.png", picture(230))).status == 200
    assert b" 408 " in slow[0].recv(1000)


def test_sockets_without_their_token_lock_nobody_out(serve, client, monkeypatch):
    from fer.serving import app

    monkeypatch.setattr(app, "MAX_WAITING", 2)
    token = "a-token-of-32-letters-0123456789"
    server = serve(token=token, limits=Limits(header=600))
    held = [upgraded(client(server, UPGRADE + "\r\n")) for _ in range(2)]
    time.sleep(1.2)
    late = upgraded(client(server, UPGRADE + "\r\n"))
    late.sendall(frame(1, json.dumps({"token": token}).encode()) + frame(2, b"no picture"))
    assert b'"frame": 0' in late.recv(1000)
    assert len(held) == 2


@pytest.mark.full
def test_answers_that_are_not_taken_end_the_connection(serve, client):
    server = serve(limits=Limits(taking=0.5, header=0.5))
    connection = client(server, buffer=4096)
    connection.setblocking(False)
    begun, sent = time.monotonic(), 0
    while time.monotonic() - begun < PATIENCE and not server.meters.total("fer_connections_dropped"):
        try:
            sent += connection.send(PAGE.encode() * 10)
        except BlockingIOError:
            time.sleep(0.05)
        except ConnectionError:
            break
    assert server.meters.total("fer_connections_dropped") == 1
    assert server("/healthz").status == 200


def test_a_socket_that_takes_no_answers_is_ended_and_costs_no_memory(serve, client, resident):
    server = serve(limits=Limits(taking=1.0))
    connection = upgraded(client(server, UPGRADE + "\r\n", buffer=4096))
    connection.setblocking(False)
    before, begun, pings = resident(), time.monotonic(), frame(9, b"p" * 125) * 100
    while time.monotonic() - begun < PATIENCE and not server.meters.total("fer_connections_dropped"):
        try:
            connection.send(pings)
            time.sleep(0.02)
        except BlockingIOError:
            time.sleep(0.05)
        except ConnectionError:
            break
    assert server.meters.total("fer_connections_dropped") == 1
    assert resident() - before < 30e6


@pytest.mark.parametrize(
    "flood",
    [
        frame(9) * 2000,
        frame(10) * 2000,
        frame(2, b"x", last=False) + frame(0, b"", last=False) * 2000,
        frame(2, b"x", last=False) + frame(0, b"y", last=False) * 2000,
        frame(2, b"x") * 2000,
    ],
    ids=["pings", "pongs", "empty fragments", "small fragments", "small messages"],
)
def test_a_flood_of_frames_ends_its_socket(serve, client, flood):
    server = serve()
    connection = upgraded(client(server, UPGRADE + "\r\n"))
    begun = time.monotonic()
    with pytest.raises(ConnectionError):  # noqa: PT012
        while time.monotonic() - begun < PATIENCE:
            connection.sendall(flood)
            time.sleep(0.01)
    assert server.meters.total("fer_connections_dropped") == 1
    assert server("/healthz").status == 200


CHUNKED = UPLOAD.replace("Content-Length: 1000", "Transfer-Encoding: chunked").encode()


def test_a_flood_of_chunks_ends_its_connection_while_others_are_answered(serve, client):
    server = serve()
    connection = client(server, CHUNKED)
    begun = time.monotonic()
    with pytest.raises(ConnectionError):  # noqa: PT012
        while time.monotonic() - begun < PATIENCE:
            connection.sendall(b"1\r\nx\r\n" * 10_000)
    assert server("/healthz").status == 200


@pytest.mark.parametrize("size", [500, 4000])
def test_a_picture_in_chunks_is_no_flood(server, client, picture, size):
    content = picture(230) + bytes(2_000_000)
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts[:900]) + b"0\r\n\r\n"
    connection = client(server, CHUNKED + body)
    assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_picture_in_many_fragments_is_no_flood(serve, client, picture):
    content = picture(230)
    size = len(content) // 200 + 1
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    middle = b"".join(frame(0, part, last=False) for part in parts[1:-1])
    connection = upgraded(client(serve(), UPGRADE + "\r\n"))
    connection.sendall(frame(2, parts[0], last=False) + middle + frame(0, parts[-1]))
    assert b'"bright"' in connection.recv(65536)


NOT_HTTP = {
    "noise": b"\0\xff" * 50 + b"\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c403037f") + bytes(190),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "a negative length": UPLOAD.replace("1000", "-5").encode(),
    "an endless length": UPLOAD.replace("1000", "9" * 40).encode(),
    "a bad chunk": UPLOAD.replace("Content-Length: 1000", "Transfer-Encoding: chunked").encode() + b"zz\r\n",
    "a bad chunk where nobody reads": b"POST /healthz HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "noise after an answer": GOOD.encode() + b"\0\1\2\r\n\r\n",
    "a header that never ends": b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"a" * 2**18,
    "a handshake with a body": UPGRADE.encode() + b"Content-Length: 5\r\n\r\nhello",
    "a handshake with many headers": UPGRADE.encode() + b"".join(b"A%d: b\r\n" % n for n in range(200)) + b"\r\n",
    "a handshake with a long header": UPGRADE.encode() + b"A: " + b"b" * 9000 + b"\r\n\r\n",
    "a handshake with a long path": UPGRADE.replace("/v1/stream", "/" + "a" * 9000).encode() + b"\r\n",
    "a handshake with a bad key": UPGRADE.replace("dGhl", "!").encode() + b"\r\n",
    "a handshake with two keys": UPGRADE.encode() + KEY.encode() + b"\r\n",
    "a handshake of another version": UPGRADE.replace("Version: 13", "Version: 99").encode() + b"\r\n",
}


@pytest.mark.full
@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP.keys())
def test_what_is_not_http_is_refused_and_ended_without_a_line(serve, client, sent, caplog):
    server = serve(limits=Limits(header=600))
    answer = rest(client(server, sent))
    status = int(answer.split()[1])
    assert status == 200 if sent.startswith(GOOD.encode()) else 400 <= status < 500
    assert server("/healthz").status == 200
    assert [record.getMessage() for record in caplog.records] == []


@pytest.mark.full
@pytest.mark.parametrize("token", [None, "a-token-of-32-letters-0123456789"])
@pytest.mark.parametrize(
    "sent",
    [b"", frame(8, b"\x03\xe8"), frame(8, b"\0\1"), frame(1, b"\xff"), frame(1), frame(2, b"x") * 50, b"\x81\x05hello"],
    ids=["nothing", "close", "a close that is none", "no UTF-8", "empty text", "frames", "no mask"],
)
@pytest.mark.parametrize("abruptly", [False, True])
def test_a_socket_may_leave_at_any_time_without_a_line(serve, client, token, sent, abruptly, caplog):
    server = serve(token=token)
    for waits in (True, False):
        connection = client(server, UPGRADE + "\r\n")
        if waits:
            upgraded(connection)
        connection.sendall(sent)
        if abruptly:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert server("/healthz").status == 200
    deadline = time.monotonic() + PATIENCE
    while server.meters.cameras and time.monotonic() < deadline:
        time.sleep(0.02)
    assert server.meters.cameras == 0
    assert [record.getMessage() for record in caplog.records if record.name != "fer.serving"] == []


def test_a_socket_that_left_is_not_ended_once_more(serve, client, picture):
    server = serve(limits=Limits(taking=0.3, header=0.3))
    for sent in (UPGRADE + "\r\n", GOOD):
        connection = client(server, sent)
        connection.recv(1000)
        connection.close()
    time.sleep(0.8)
    assert server.meters.total("fer_connections_dropped") == 0


def test_the_log_of_many_bad_requests_is_short_and_counts_them(serve, client, capsys):
    with log.rate_limited():
        server = serve(limits=Limits(header=0.2))
        for number in range(200):
            body = (b"junk", b"--mark\r\n\r\n\r\n", b"--mark--junk", b"\r\n--mark\r\nA\r\n")[number % 4]
            assert server("/v1/predict", body, Content_Type="multipart/form-data; boundary=mark").status == 400
        for connection in [client(server, "GET") for _ in range(100)]:
            ended(connection)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert "99 more" in lines[1]
    assert server.meters.summary().endswith("200 requests refused, 100 connections ended because of the client")


@pytest.fixture
def resident() -> Callable[[], int]:
    """Bytes of memory of this process, in which the server runs."""
    if not os.path.exists("/proc/self/statm"):
        pytest.skip("counts memory as Linux shows it")
    page = os.sysconf("SC_PAGE_SIZE")

    def measure() -> int:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * page

    return measure
