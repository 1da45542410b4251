"""Adds deadlines to uvicorn's connections, for slow headers and for clients that do not read.

While the server waits for a client, the connection has a deadline and may be ended to make room for another. The server
waits until a request's header is complete, between two requests, and until the client reads what was sent.

This file overrides undocumented methods of uvicorn's protocols. Tested with uvicorn 0.44 to 0.54 and
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
MIN_WAIT = 1.0
"""Seconds of waiting for a client after which its connection may be ended for another."""
MAX_HEADER = SLICE = 2**14
"""Bytes of a header, and bytes that are parsed at a time."""
CLOSE_TIMEOUT = 2.0  # seconds for a client to answer the close frame of its WebSocket
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Config(uvicorn.Config):
    """uvicorn's configuration, with the state that connections share.

    open: all connections that have not ended. waiting: connections for whose client the server waits -> since when,
    oldest first. uvicorn refuses requests with 503 while there are more than `limits.connections`.
    """

    def __init__(self, app: Any, limits: Limits, meters: Meters, **options: Any):
        self.limits, self.meters = limits, meters
        self.open: set[Waiting] = set()
        self.waiting: dict[Waiting, float] = {}
        super().__init__(app, http=HTTP, ws=WebSocket, limit_concurrency=limits.connections + 1, **options)

    def make_room(self, now: float) -> None:
        """Ends the connections that have waited longest, if there are more than the limit."""
        excess = max(0, len(self.open) - self.limits.connections)
        for connection, since in list(islice(self.waiting.items(), excess)):
            if now - since > MIN_WAIT:
                connection.drop("to make room for others")


class Waiting:
    """Base class for uvicorn's protocols: a connection with a deadline while it waits for its client."""

    config: Config
    budget: Budget
    timer: asyncio.TimerHandle | None = None

    def wait(self, seconds: float, reason: str) -> None:
        """Starts to wait for the client, for at most `seconds`. Does nothing if the connection has ended."""
        if self not in self.config.open:
            return
        self.work()
        self.config.waiting[self] = self.loop.time()
        self.timer = self.loop.call_later(seconds, self.drop, reason)

    def work(self) -> None:
        """Stops waiting: the server works, or the connection has ended."""
        self.config.waiting.pop(self, None)
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def wait_for_header(self) -> None:
        self.wait(self.config.limits.header, "no complete header arrived in time")

    def wait_for_reader(self) -> None:
        self.wait(self.config.limits.taking, "the client did not read its answers")

    def drop(self, reason: str) -> None:
        """Aborts the connection without sending the rest."""
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
    """An HTTP connection, until it ends or becomes a WebSocket."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.budget = Budget(self.loop.time())
        self.conn = Parser(MAX_HEADER, self.budget)
        self.config.make_room(self.loop.time())
        self.wait_for_header()
        if len(self.config.open) > 2 * self.config.limits.connections:
            self.drop("too many connections")

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
        """Whether the server is working on a request: its header is complete and its answer is not."""
        return self.cycle is not None and not self.cycle.response_complete and not self.flow.write_paused

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.update_deadline()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self.update_deadline()

    def update_deadline(self) -> None:
        """Waits for the next header, unless a request is in progress."""
        if self.at_work():  # the next request may have arrived already
            self.work()
        elif not self.flow.write_paused:
            self.wait_for_header()

    def send_400_response(self, message: str) -> None:
        """Answers invalid HTTP, unless the request has been answered."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(message)
        self.transport.close()
        if self.cycle is None or self.cycle.response_complete:
            self.config.meters.count_request("other", 400, 0.0)
        else:  # tells the application that the client left
            self.cycle.disconnected = True
            self.cycle.message_event.set()


class WebSocket(Waiting, WebSocketsSansIOProtocol):
    """A WebSocket connection. The route limits its duration."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.close_timeout = CLOSE_TIMEOUT
        self.budget = Budget(self.loop.time())

    def parse(self, data: bytes) -> None:
        super(Waiting, self).data_received(data)
        if not self.handshake_initiated:  # valid HTTP, but no WebSocket handshake
            self.config.meters.count_request("other", 400, 0.0)
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
        """Whether another frame is accepted; ends the connection of a client that sends too many."""
        if not self.budget.spend() and not self.transport.is_closing():
            self.drop(f"more than {PIECES} WebSocket frames in a second")
        return not self.transport.is_closing()

    def handle_ping(self) -> None:
        if self.affordable() and self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # discards the pongs of a client that does not read

    def handle_pong(self, event: Any) -> None:
        if self.affordable():
            super().handle_pong(event)

    def handle_cont(self, event: Any) -> None:
        if self.affordable():
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        if self.affordable():
            super().send_receive_event_to_app()
