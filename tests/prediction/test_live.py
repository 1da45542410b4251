"""Streams of servers that run here, and what happens when they are interrupted."""

import io
import socketserver
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import pytest
from PIL import Image

from fer.errors import UserError
from fer.pictures import Unreadable
from fer.prediction import live as lives
from fer.prediction.addresses import download
from fer.prediction.inputs import sources
from fer.prediction.live import live, newest, shown
from fer.prediction.pictures import decode_rgb


def jpeg(value: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (64, 48), (value,) * 3).save(content, "JPEG")
    return content.getvalue()


@pytest.fixture
def serve():
    """`serve({path: function of the handler})` starts a server and returns its address."""
    servers = []

    def start(answers) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answers[self.path](self)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()


def file_of(content: bytes, kind: str = "application/octet-stream"):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def mjpeg(values, connections):
    """A camera that sends a JPEG of each brightness to the first connections, and refuses later ones."""

    def answer(handler):
        connections.append(time.monotonic())
        if len(connections) > 2:
            handler.send_error(404)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        for value in values:
            content = jpeg(value)
            head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content)
            handler.wfile.write(head + content + b"\r\n")
            handler.wfile.flush()

    return answer


def test_a_stream_is_opened_again_and_ends_with_one_line(serve, monkeypatch, capsys):
    monkeypatch.setattr(lives, "PAUSE", 0.001)
    monkeypatch.setattr(lives, "ATTEMPTS", 2)
    monkeypatch.setattr(lives, "newest", iter)
    connections = []
    address = serve({"/camera.mjpg": mjpeg([50, 100, 150], connections)}) + "/camera.mjpg"
    frames = []
    with pytest.raises(Unreadable, match=r"camera.mjpg: it ended after \d s; 2 attempts to reconnect failed"):
        frames.extend(live(address).frames())
    assert len(connections) == 4
    assert [frame.number for frame in frames] == list(range(6))
    assert [round(frame.picture.getpixel((5, 5))[0], -1) for frame in frames] == [50, 100, 150] * 2
    assert "interrupted; reconnecting (1 of 2)" in capsys.readouterr().err


def transport_stream(film) -> bytes:
    """The film as an MPEG transport stream."""
    content = io.BytesIO()
    with av.open(str(film)) as source, av.open(content, "w", format="mpegts") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return content.getvalue()


SDP = b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 33\r\na=control:t\r\n"


class RtspCamera(socketserver.StreamRequestHandler):
    """Answers one player (RFC 2326) and sends `content`, a transport stream in RTP packets, over the connection."""

    content = b""

    def handle(self):
        while request := self.rfile.readline():
            headers = {}
            while (line := self.rfile.readline().strip()) and b":" in line:
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip()
            method = request.split()[0]
            extra, body = b"", SDP if method == b"DESCRIBE" else b""
            if method == b"DESCRIBE":
                extra = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n" % len(body)
            if method == b"SETUP":
                extra = b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
            head = b"RTSP/1.0 200 OK\r\nCSeq: %s\r\nSession: 1\r\n%s\r\n" % (headers[b"cseq"], extra)
            self.wfile.write(head + body)
            if method == b"PLAY":
                self.play()
                return

    def play(self):
        for number, start in enumerate(range(0, len(self.content), 7 * 188)):
            packet = struct.pack(">BBHII", 0x80, 33, number, 0, 1) + self.content[start : start + 7 * 188]
            self.wfile.write(struct.pack(">cBH", b"$", 0, len(packet)) + packet)


def test_a_camera_with_rtsp_is_read(film, monkeypatch):
    monkeypatch.setattr(lives, "ATTEMPTS", 0)
    monkeypatch.setattr(lives, "newest", iter)
    handler = type("Handler", (RtspCamera,), {"content": transport_stream(film)})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        frames = []
        with pytest.raises(Unreadable, match="it ended after"):
            frames.extend(live(f"rtsp://127.0.0.1:{server.server_address[1]}/x").frames())
        server.shutdown()
    assert len(frames) >= 25
    assert frames[0].picture.size == (240, 120)


def test_a_film_on_a_server_is_read_once_with_its_own_times(serve, film):
    address = serve({"/film.mp4": file_of(film.read_bytes())}) + "/film.mp4"
    frames = list(live(address).frames())
    assert [frame.seconds for frame in frames] == pytest.approx([number / 10 for number in range(30)], abs=0.002)


@pytest.mark.parametrize("content", [b"#EXTM3U\n#EXTINF:3,\nfile://{film}\n#EXT-X-ENDLIST\n", b"no film"])
def test_what_is_no_stream_is_one_line_and_opens_no_file(content, serve, film):
    content = content.replace(b"{film}", str(film).encode())
    address = serve({"/a.m3u8": file_of(content, "application/vnd.apple.mpegurl")}) + "/a.m3u8"
    with pytest.raises(Unreadable, match=r"a.m3u8: (no stream can be opened|no frame could be read|no video)"):
        list(live(address).frames())


@pytest.mark.parametrize("address", ["rtsp://127.0.0.1:9/a", "http://127.0.0.1:9/a.mp4"])
def test_a_server_that_is_not_there_is_one_line(address):
    with pytest.raises(Unreadable, match=f"^{address}: no stream can be opened"):
        live(address)


def test_a_camera_that_is_not_there_is_one_line():
    with pytest.raises(Unreadable, match="camera 97: cannot be opened"):
        live("97")


@pytest.mark.parametrize("text", ["7", "/dev/video7"])
def test_a_number_or_a_device_is_a_camera_unless_a_file_is_called_so(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    [source] = sources([text])
    assert (source.name, source.content, source.kind) == ("camera 7", "7", "live")
    (tmp_path / "7").write_bytes(jpeg(9))
    assert [source.kind for source in sources(["7"])] == ["picture"]


def test_passwords_are_not_shown():
    assert shown("rtsp://me:secret@camera.local/1") == "rtsp://me:…@camera.local/1"
    assert shown("rtsp://camera.local/1") == "rtsp://camera.local/1"
    [source] = sources(["rtsp://me:secret@camera.local/1"])
    assert (source.name, source.kind) == ("rtsp://me:…@camera.local/1", "live")


def test_items_that_arrive_meanwhile_are_dropped():
    step, seen = threading.Event(), []

    def produce():
        yield 0
        step.wait(5)
        yield from range(1, 50)

    for item in newest(produce()):
        seen.append(item)
        step.set()
        time.sleep(0.05)
    assert seen == [0, 49]


def test_pictures_at_addresses_are_downloaded_only_where_it_is_allowed(serve):
    address = serve({"/photo.jpg": file_of(jpeg(90))}) + "/photo.jpg"
    with pytest.raises(UserError, match=r"photo.jpg: pictures are downloaded with --allow-url only"):
        sources([address])
    [source] = sources([address], allow_url=True)
    assert (source.kind, source.place) == ("picture", "photo.jpg")
    assert decode_rgb(source.file, source.name).getpixel((3, 3))[0] == pytest.approx(90, abs=2)


def test_a_redirection_to_a_file_and_a_missing_picture_are_one_line(serve, film):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", f"file://{film}")
        handler.end_headers()

    base = serve({"/a.jpg": redirect, "/b.jpg": lambda handler: handler.send_error(404)})
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(Unreadable, match=r"^x: cannot be downloaded"):
            download(f"{base}/{name}", "x")
