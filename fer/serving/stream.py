"""The camera WebSocket: JPEG frames in, faces as JSON out, one frame at a time.

A frame is a binary message, or a text in base64.

If a client sends faster than frames are processed, only its newest frame is kept, so answers are never outdated. An
answer has the number of the `frame`, how many were `dropped` since the last answer, and the faces, tracked and smoothed
as in `fer.webcam`. A frame that cannot be read is answered with {"error": reason}.

If the server has a token, the first message is {"token": TOKEN}, unless the handshake had it (Authorization: Bearer).
"""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from fer.prediction.pictures import Source
from fer.prediction.predictor import Detection
from fer.prediction.stream import Result
from fer.prediction.tracking import Tracker
from fer.prediction.video import smooth_faces
from fer.serving.answers import answer
from fer.serving.coding import decode_base64
from fer.serving.guard import bearer, is_admitted
from fer.serving.meters import Meters
from fer.serving.places import Places
from fer.serving.recogniser import Recogniser
from fer.serving.refusal import RequestError
from fer.serving.settings import Settings

POLICY_VIOLATION, TOO_LARGE, TRY_AGAIN_LATER, GOING_AWAY = 1008, 1009, 1013, 1001
"""Close codes of WebSockets (RFC 6455 and its registry)."""
TOKEN_TIMEOUT = 5.0  # seconds to send the token
MAX_WAITING = 32  # connections that may wait for their token
DISCONNECTED = (WebSocketDisconnect, RuntimeError)
"""Errors of sending after the client left."""


class Closed(Exception):
    """Ends the stream with a close code and a reason."""

    def __init__(self, code: int, reason: str):
        super().__init__(reason)
        self.code, self.reason = code, reason


class Newest:
    """Holds the newest frame until it is taken."""

    def __init__(self):
        self.frame, self.number, self.dropped, self.arrived = b"", -1, 0, asyncio.Event()

    def put(self, frame: bytes) -> None:
        if self.arrived.is_set():
            self.dropped += 1
        self.frame, self.number = frame, self.number + 1
        self.arrived.set()

    async def take(self) -> tuple[int, bytes, int]:
        """Waits for a frame; returns its number, its content and the number of frames dropped before it."""
        await self.arrived.wait()
        self.arrived.clear()
        dropped, self.dropped = self.dropped, 0
        return self.number, self.frame, dropped


class Stream:
    """The connection of one camera."""

    def __init__(
        self, socket: WebSocket, recogniser: Recogniser, token_places: Places, meters: Meters, settings: Settings
    ):
        self.socket, self.recogniser, self.meters, self.settings = socket, recogniser, meters, settings
        self.token_places = token_places
        self.limits, self.newest, self.tracker = settings.limits, Newest(), Tracker()
        self.started = time.monotonic()

    async def run(self) -> None:
        """Answers frames until either side ends the connection."""
        try:
            await self.socket.accept()
            await self.authenticate()
            if self.meters.cameras >= self.limits.streams:
                raise Closed(TRY_AGAIN_LATER, f"{self.limits.streams} cameras are connected already; try again later")
            with self.meters.streaming():
                await self.exchange()
        except Closed as end:
            with suppress(*DISCONNECTED):
                await self.socket.close(end.code, end.reason)
        except WebSocketDisconnect:
            pass

    async def message(self) -> Message:
        """Receives the client's next message. Raises WebSocketDisconnect when the connection is closed."""
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect
        return message

    async def authenticate(self) -> None:
        """Waits for the token, if one is required. Raises Closed without it."""
        token = self.settings.token
        if is_admitted(token, bearer(self.socket.headers)):
            return
        try:
            with self.token_places.take() as place:
                async with place.upload("no token was sent in time"):
                    message = await self.message()
        except RequestError as refused:
            code = TRY_AGAIN_LATER if refused.status == 503 else POLICY_VIOLATION
            raise Closed(code, refused.reason) from None
        if not is_admitted(token, token_from_message(message.get("text"))):
            raise Closed(POLICY_VIOLATION, 'a token is required: {"token": TOKEN} as the first message')

    async def exchange(self) -> None:
        """Receives and answers frames concurrently; the first failure ends both tasks."""
        tasks = [asyncio.create_task(self.receive()), asyncio.create_task(self.answer())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=self.limits.watch)
            for task in done:
                task.result()
            raise Closed(GOING_AWAY, f"the limit of {self.limits.watch:g} s is reached; connect again")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def receive(self) -> None:
        """Receives frames until the connection ends."""
        while True:
            try:
                async with asyncio.timeout(self.limits.idle):
                    message = await self.message()
            except TimeoutError:
                raise Closed(GOING_AWAY, f"no frame for {self.limits.idle:g} s") from None
            text = message.get("text")
            if text is not None and token_from_message(text):
                continue  # sent though none is required
            frame = message["bytes"] if text is None else self.frame_in(text)
            if len(frame) > self.limits.frame:
                raise Closed(TOO_LARGE, f"the frame is larger than {self.limits.frame / 2**20:.1f} MiB")
            self.newest.put(frame)
            await asyncio.sleep(0)  # lets other tasks run between queued messages

    def frame_in(self, text: str) -> bytes:
        """Returns the frame in a text message, as of `canvas.toDataURL()`. Raises Closed."""
        if len(text) > 2 * self.limits.frame:
            return text.encode()  # larger than the limit in base64 as well
        try:
            return decode_base64("frame", text)
        except RequestError:
            raise Closed(POLICY_VIOLATION, "expected frames as binary messages, or as text in base64") from None

    async def answer(self) -> None:
        """Answers the newest frame, at most `limits.rate` times a second."""
        while True:
            number, frame, dropped = await self.newest.take()
            begun = time.perf_counter()
            content = await self.answer_frame(number, frame, dropped, begun)
            try:
                await self.socket.send_text(json.dumps(content))
            except RuntimeError:
                raise WebSocketDisconnect from None
            self.meters.frames.labels("answered").inc()
            self.meters.frames.labels("dropped").inc(dropped)
            await asyncio.sleep(max(0.0, begun + 1 / self.limits.rate - time.perf_counter()))

    async def answer_frame(self, number: int, frame: bytes, dropped: int, begun: float) -> dict[str, Any]:
        """Returns the answer to a frame, or the reason why it cannot be read."""
        source = Source(f"frame {number}", frame, "frame")
        detection = await self.recogniser.detect(source)
        if not isinstance(detection, Detection):
            return {"frame": number, "dropped": dropped, "error": detection}
        [faces] = await self.recogniser.batcher([detection])
        seconds = time.monotonic() - self.started
        faces = smooth_faces(self.tracker, self.recogniser.predictor, faces, seconds)
        result = Result(source, detection.width, detection.height, faces, frame=number, seconds=seconds)
        self.meters.count_faces(result)
        picture = await self.recogniser.write(answer, result, True)
        return picture | {"dropped": dropped, "milliseconds": round(1000 * (time.perf_counter() - begun), 2)}


def token_from_message(text: str | None) -> str:
    """Returns the token in a first message, "" without one."""
    try:
        content = json.loads(text or "")
    except (ValueError, RecursionError):
        return ""
    token = content.get("token") if isinstance(content, dict) else None
    return token if isinstance(token, str) else ""
