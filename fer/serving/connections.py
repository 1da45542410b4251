"""uvicorn's connections with the deadlines of `fer.serving.deadlines`.

This file overrides undocumented methods of uvicorn's protocols. Tested with uvicorn 0.44 to 0.54 and
websockets 15 to 17, which pyproject.toml asks for.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from fer.serving.budget import PIECES, Budget, Parser
from fer.serving.deadlines import Waiting

MAX_HEADER = 2**14  # bytes
CLOSE_TIMEOUT = 2.0  # seconds for a client to answer the close frame of its WebSocket
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


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
