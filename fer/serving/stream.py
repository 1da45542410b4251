"""The camera WebSocket: JPEG frames in, faces as JSON out, one frame at a time.

Where a client sends faster than it is answered, only its newest frame is kept: what comes back is never old. Each
answer has the `frame`'s number, how many were `dropped` since the last one, and the faces, followed from frame to frame
and smoothed as `fer.webcam` does. A frame that cannot be read is answered by {"error": reason}.

With a token, the first message is {"token": TOKEN}, unless the handshake had it (Authorization: Bearer).
"""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from fer.prediction.pictures import Source
from fer.prediction.predictor import Seen
from fer.prediction.stream import Result
from fer.prediction.tracking import Tracker
from fer.prediction.video import smoothed
from fer.serving.answers import answer
from fer.serving.guard import admitted, bearer
from fer.serving.meters import Meters
from fer.serving.places import Places
from fer.serving.recogniser import Recogniser
from fer.serving.refusal import Refused
from fer.serving.settings import Settings

REFUSED, TOO_LARGE, BUSY, IDLE = 1008, 1009, 1013, 1001
"""Codes that close a WebSocket (RFC 6455 and its registry)."""
INTRODUCTION = 5.0  # seconds within which a token has to come
INTRODUCTIONS = 32  # connections at a time that may wait for their token
GONE = (WebSocketDisconnect, RuntimeError)
"""Raised by a send after the client left; RuntimeError where that was only half known."""


class Closed(Exception):
    """The stream ends, for this reason."""

    def __init__(self, code: int, reason: str):
        super().__init__(reason)
        self.code, self.reason = code, reason


class Newest:
    """Holds one frame: the last that was put, until it is taken."""

    def __init__(self):
        self.frame, self.number, self.dropped, self.arrived = b"", -1, 0, asyncio.Event()

    def put(self, frame: bytes) -> None:
        self.dropped += self.arrived.is_set()
        self.frame, self.number = frame, self.number + 1
        self.arrived.set()

    async def take(self) -> tuple[int, bytes, int]:
        """Number, content, and how many were dropped since the last one."""
        await self.arrived.wait()
        self.arrived.clear()
        dropped, self.dropped = self.dropped, 0
        return self.number, self.frame, dropped


class Stream:
    """One camera."""

    def __init__(
        self, socket: WebSocket, recogniser: Recogniser, introductions: Places, meters: Meters, settings: Settings
    ):
        self.socket, self.recogniser, self.meters, self.settings = socket, recogniser, meters, settings
        self.introductions = introductions
        self.limits, self.newest, self.tracker = settings.limits, Newest(), Tracker()
        self.started = time.monotonic()

    async def run(self) -> None:
        """Until either side ends it."""
        try:
            await self.socket.accept()
            await self.introduce()
            if self.meters.cameras >= self.limits.streams:
                raise Closed(BUSY, f"{self.limits.streams} cameras are connected already; try again later")
            with self.meters.streaming():
                await self.exchange()
        except Closed as end:
            with suppress(*GONE):
                await self.socket.close(end.code, end.reason)
        except WebSocketDisconnect:
            pass

    async def message(self) -> dict[str, Any]:
        """The client's next message. Raises WebSocketDisconnect when the connection is closed."""
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        return message

    async def introduce(self) -> None:
        token = self.settings.token
        if admitted(token, bearer(self.socket.headers)):
            return
        try:
            with self.introductions.take() as place:
                async with place.upload("no token came"):
                    message = await self.message()
        except Refused as refused:
            raise Closed(BUSY if refused.status == 503 else REFUSED, refused.reason) from None
        if not admitted(token, token_in(message.get("text"))):
            raise Closed(REFUSED, 'a token is needed: {"token": TOKEN} as the first message')

    async def exchange(self) -> None:
        """Takes frames and answers them, at the same time; the first to fail ends both."""
        both = [asyncio.create_task(self.receive()), asyncio.create_task(self.answer())]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED, timeout=self.limits.watch)
            for task in done:
                task.result()
            raise Closed(IDLE, f"watched for {self.limits.watch:g} s; connect again")
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.limits.idle):
                    message = await self.message()
            except TimeoutError:
                raise Closed(IDLE, f"no frame for {self.limits.idle:g} s") from None
            frame = message.get("bytes")
            if frame is None:
                raise Closed(REFUSED, "expected frames as binary messages")
            if len(frame) > self.limits.frame:
                raise Closed(TOO_LARGE, f"a frame is longer than {self.limits.frame / 2**20:.1f} MiB")
            self.newest.put(frame)
            await asyncio.sleep(0)  # messages that are here already must not keep others waiting

    async def answer(self) -> None:
        while True:
            number, frame, dropped = await self.newest.take()
            begun = time.perf_counter()
            text = await self.described(number, frame, dropped, begun)
            try:
                await self.socket.send_text(json.dumps(text))
            except RuntimeError:
                raise WebSocketDisconnect from None
            self.meters.frames.labels("answered").inc()
            self.meters.frames.labels("dropped").inc(dropped)
            await asyncio.sleep(max(0.0, begun + 1 / self.limits.rate - time.perf_counter()))

    async def described(self, number: int, frame: bytes, dropped: int, begun: float) -> dict[str, Any]:
        source = Source(f"frame {number}", frame, "frame")
        seen = await self.recogniser.look(source)
        if not isinstance(seen, Seen):
            return {"frame": number, "dropped": dropped, "error": seen}
        [faces] = await self.recogniser.batcher([seen])
        seconds = time.monotonic() - self.started
        faces = smoothed(self.tracker, self.recogniser.predictor, faces, seconds)
        result = Result(source, seen.width, seen.height, faces, frame=number, seconds=seconds)
        self.meters.expressions(result)
        known = await self.recogniser.written(answer, result, True)
        return known | {"dropped": dropped, "milliseconds": round(1000 * (time.perf_counter() - begun), 2)}


def token_in(text: str | None) -> str:
    """Of a first message; "" where it has none."""
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        return ""
    token = content.get("token") if isinstance(content, dict) else None
    return token if isinstance(token, str) else ""
