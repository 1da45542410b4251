"""Adds deadlines to uvicorn's connections, for slow headers and for clients that do not read.

While the server waits for a client, the connection has a deadline and can be ended to make room for another one. It
waits until a request's header is complete, between two requests, and until the client takes what is sent to it.

This file overrides methods of uvicorn's protocols that are not documented. Tested with uvicorn 0.44 to 0.54 and
websockets 15 to 17, which pyproject.toml asks for.
"""

import asyncio
import logging
from itertools import islice
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fer.serving.budget import PIECES, Budget, Parser
from fer.serving.meters import Meters
from fer.serving.settings import Limits

log = logging.getLogger("fer.serving")
YOUNG = 1.0
"""Seconds that a client may keep the server waiting before its connection is ended for another one."""
HEADER = SLICE = 2**14
"""Bytes that a header may have, and that are parsed at a time."""
CLOSING = 2.0  # seconds that a client has to answer the end of its WebSocket
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Config(uvicorn.Config):
    """uvicorn's, with what the connections need. open: all that are not ended yet.

    waiting: those that keep the server waiting, and since when; oldest first.

    uvicorn refuses requests with 503 while there are more than `limits.connections`.
    """

    def __init__(self, app: Any, limits: Limits, meters: Meters, **options: Any):
        self.limits, self.meters = limits, meters
        self.open: set[Waiting] = set()
        self.waiting: dict[Waiting, float] = {}
        super().__init__(app, http=HTTP, ws=WebSocket, limit_concurrency=limits.connections + 1, **options)

    def make_room(self, now: float) -> None:
        """Ends connections that have kept the server waiting longest, where there are more than the limit."""
        excess = max(0, len(self.open) - self.limits.connections)
        for connection, since in list(islice(self.waiting.items(), excess)):
            if now - since > YOUNG:
                connection.drop("to make room for others")


class Waiting:
    """A connection that has a deadline while it waits for its client; base of uvicorn's protocols."""

    config: Config
    budget: Budget
    timer: asyncio.TimerHandle | None = None

    def wait(self, seconds: float, reason: str) -> None:
        """From now on the connection waits for the client, no longer than so many seconds. No-op once it ended."""
        if self not in self.config.open:
            return
        self.work()
        self.config.waiting[self] = self.loop.time()
        self.timer = self.loop.call_later(seconds, self.drop, reason)

    def work(self) -> None:
        """From now on the server is at work, or the connection is gone."""
        self.config.waiting.pop(self, None)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def wait_for_header(self) -> None:
        self.wait(self.config.limits.header, "no complete header came in time")

    def wait_for_reader(self) -> None:
        self.wait(self.config.limits.taking, "the client did not take its answers")

    def drop(self, reason: str) -> None:
        """Ends the connection, whatever is still to be sent."""
        self.leave()
        self.config.meters.dropped.inc()
        log.warning("ended a connection: %s", reason)
        self.transport.abort()

    def leave(self) -> None:
        self.work()
        self.config.open.discard(self)

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.config.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.leave()
        super().connection_lost(error)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), SLICE):
            if self.transport.is_closing():
                break
            part = data[start : start + SLICE]
            self.budget.add(len(part), self.loop.time())
            self.parse(part)


class HTTP(Waiting, H11Protocol):
    """A connection until it ends, or becomes a WebSocket."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.budget = Budget(self.loop.time())
        self.conn = Parser(HEADER, self.budget)
        self.config.make_room(self.loop.time())
        self.wait_for_header()
        if len(self.config.open) > 2 * self.config.limits.connections:
            self.drop("there are too many")

    def parse(self, data: bytes) -> None:
        if self.is_websocket():
            return
        super(Waiting, self).data_received(data)
        if self.is_websocket():
            self.leave()
        elif self.at_work():
            self.work()

    def is_websocket(self) -> bool:
        return self.transport.get_protocol() is not self

    def at_work(self) -> bool:
        """Whether a request's header is complete and its answer is not."""
        return self.cycle is not None and not self.cycle.response_complete and not self.flow.write_paused

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.judge()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.judge()

    def judge(self) -> None:
        if self.at_work():  # also: the next request was here already
            self.work()
        elif not self.flow.write_paused:
            self.wait_for_header()

    def send_400_response(self, message: str) -> None:
        """Answers what is not HTTP, unless the request has been answered."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(message)
        self.transport.close()
        if self.cycle is None or self.cycle.response_complete:
            self.config.meters.answered("other", 400, 0.0)
        else:  # the application is told that the client left
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class WebSocket(Waiting, WebSocketsSansIOProtocol):
    """A connection after its handshake. The route limits how long it lasts."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.close_timeout = CLOSING
        self.budget = Budget(self.loop.time())

    def parse(self, data: bytes) -> None:
        super(Waiting, self).data_received(data)
        if not self.handshake_initiated:  # the header is HTTP, but not one of a WebSocket
            self.config.meters.answered("other", 400, 0.0)
            self.transport.write(b"".join(self.conn.data_to_send()) or BAD_REQUEST)
            self.transport.close()
        if self.transport.is_closing():
            self.wait_for_reader()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self.wait_for_reader()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self.transport.is_closing():
            self.work()

    def affordable(self) -> bool:
        """Whether one more frame is taken. Ends the connection of a client that sends too many."""
        if not self.budget.spend() and not self.transport.is_closing():
            self.drop(f"more than {PIECES} WebSocket frames in a second")
        return not self.transport.is_closing()

    def handle_ping(self) -> None:
        if self.affordable() and self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # the answers of a client that does not take them are thrown away

    def handle_pong(self, event: Any) -> None:
        if self.affordable():
            super().handle_pong(event)

    def handle_cont(self, event: Any) -> None:
        if self.affordable():
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.affordable():
            super().send_receive_event_to_app()
