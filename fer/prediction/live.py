"""Reads cameras and network streams, which have no end and may be interrupted."""

import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

from PIL import Image

from fer.pictures import MAX_PIXELS, Unreadable
from fer.prediction.opencv import opencv
from fer.prediction.pyav import pyav
from fer.prediction.video import CONTAINERS, Frame, picture_stream, upright
from fer.streams import printable

SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "rtp")
STREAM_CONTAINERS = f"{CONTAINERS},hls,rtsp,rtp,sdp,mpjpeg,mjpeg,live_flv"
PROTOCOLS = "rtsp,rtsps,rtmp,rtmps,rtmpt,http,https,httpproxy,tcp,tls,udp,rtp,srtp,crypto"
"""FFmpeg's protocols that streams may use. A playlist cannot name a file of this machine."""
OPTIONS = {
    "format_whitelist": STREAM_CONTAINERS,
    "protocol_whitelist": PROTOCOLS,
    "rtsp_transport": "tcp",  # frames of many cameras arrive damaged over UDP
}
OPEN_SECONDS, READ_SECONDS = 10.0, 10.0
"""Longest wait for a connection, and for the next frame of one."""
ATTEMPTS = 5
"""Attempts to reconnect before a stream counts as ended."""
PAUSE = 1.0
"""Seconds before the first of them; each further pause is twice as long."""


def is_address(text: str) -> bool:
    return text.partition("://")[0].lower() in SCHEMES and "://" in text


def shown(address: str) -> str:
    """Returns an address without its password."""
    password = urlsplit(address).password
    return address.replace(f":{password}@", ":…@", 1) if password else address


def live(place: str) -> "Live":
    """Returns the camera with this number, or the stream at this address. Raises Unreadable if it cannot be opened."""
    return Live(*((f"camera {place}", Camera) if place.isdigit() else (shown(place), Stream)), place)


class Live:
    """A camera or stream that is opened again when it is interrupted.

    kind: `Camera` or `Stream`, called with `place` for every connection. Raises Unreadable if the first one fails.
    """

    def __init__(self, name: str, kind: Callable[[str], "Camera | Stream"], place: str):
        self.name, self.kind, self.place = name, kind, place
        self.source = kind(place)

    def frames(self) -> Iterator[Frame]:
        """Yields frames with the seconds since the start; of an endless source those that arrive meanwhile are dropped.

        Raises Unreadable when an endless source is lost and cannot be opened again; other sources simply end.
        """
        started, number = time.monotonic(), 0
        while self.source is not None:
            pictures = newest(self.source.pictures()) if self.source.endless else self.source.pictures()
            for seconds, picture in pictures:
                if picture.width * picture.height > MAX_PIXELS:
                    raise Unreadable(self.name, f"{picture.width:,}×{picture.height:,} pixels are too many")
                yield Frame(number, time.monotonic() - started if seconds is None else seconds, picture)
                number += 1
            if number == 0:
                raise Unreadable(self.name, "no frame could be read")
            if not self.source.endless:
                return
            self.source = self._again()
        seconds = time.monotonic() - started
        raise Unreadable(self.name, f"it ended after {seconds:.0f} s; {ATTEMPTS} attempts to reconnect failed")

    def _again(self) -> "Camera | Stream | None":
        """Connects again; returns None after ATTEMPTS attempts."""
        for attempt in range(ATTEMPTS):
            print(f"{printable(self.name)}: interrupted; reconnecting ({attempt + 1} of {ATTEMPTS})", file=sys.stderr)
            time.sleep(PAUSE * 2**attempt)
            try:
                return self.kind(self.place)
            except Unreadable:
                continue
        return None


class Camera:
    """The camera with this number, read with OpenCV. Raises Unreadable if it cannot be opened."""

    endless = True

    def __init__(self, number: str):
        self.cv2 = opencv()
        self.capture = self.cv2.VideoCapture(int(number))
        if not self.capture.isOpened():
            raise Unreadable(f"camera {number}", "cannot be opened; is one connected, and free?")

    def pictures(self) -> Generator[tuple[None, Image.Image], None, None]:
        """Yields None and the next picture, until the camera is interrupted."""
        self.capture.set(self.cv2.CAP_PROP_BUFFERSIZE, 1)
        try:
            while True:
                good, pixels = self.capture.read()
                if not good:
                    return
                yield None, Image.fromarray(self.cv2.cvtColor(pixels, self.cv2.COLOR_BGR2RGB))
        finally:
            self.capture.release()


class Stream:
    """The stream at an address, read with PyAV. Raises Unreadable if it cannot be opened.

    endless: whether it is live; a film on a web server is not.
    """

    def __init__(self, address: str):
        self.av, name = pyav(), shown(address)
        try:
            self.container = self.av.open(address, options=OPTIONS, timeout=(OPEN_SECONDS, READ_SECONDS))
        except (self.av.FFmpegError, OSError) as error:
            raise Unreadable(name, f"no stream can be opened ({error.strerror})") from error
        self.stream = picture_stream(self.container, name)
        self.endless = not self.container.duration

    def pictures(self) -> Generator[tuple[float | None, Image.Image], None, None]:
        """Yields the next picture, with its seconds unless the stream is endless, until it ends or is interrupted."""
        first = None
        try:
            for frame in self.container.decode(self.stream):
                first = frame.time if first is None else first
                timed = not self.endless and frame.time is not None
                yield frame.time - first if timed else None, upright(frame)
        except (self.av.FFmpegError, OSError):
            return
        finally:
            self.container.close()


def newest(items: Generator[Any, None, None]) -> Iterator:
    """Yields the newest item at each call, from a thread that reads all; never the same one twice."""
    changed, slot = threading.Condition(), {"item": None, "ended": False, "stop": False}

    def read() -> None:
        for item in items:
            with changed:
                slot["item"] = item
                changed.notify()
                if slot["stop"]:
                    break
        items.close()
        with changed:
            slot["ended"] = True
            changed.notify()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while True:
            with changed:
                while slot["item"] is None and not slot["ended"]:
                    changed.wait(0.2)  # wakes for signals on Windows as well
                item, slot["item"] = slot["item"], None
            if item is None:
                return
            yield item
    finally:
        slot["stop"] = True
