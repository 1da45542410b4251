"""Deadlines of connections, for slow headers and for clients that do not read.

While the server waits for a client, the connection has a deadline and may be ended to make room for another. The server
waits until a request's header is complete, between two requests, and until the client reads what was sent.
"""

import asyncio
import logging
from itertools import islice
from typing import Any

import uvicorn
from fastapi import FastAPI

from fer.serving.budget import Budget
from fer.serving.meters import Meters
from fer.serving.places import Places
from fer.serving.settings import Limits

log = logging.getLogger("fer.serving")
MIN_WAIT = 1.0
"""Seconds of waiting for a client after which its connection may be ended for another."""
SLICE = 2**14
"""Bytes that are parsed at a time."""


class Config(uvicorn.Config):
    """uvicorn's configuration, with the state that connections share.

    open: all connections that have not ended. waiting: connections for whose client the server waits -> since when,
    oldest first. uvicorn refuses requests with 503 while there are more than `limits.connections`.
    """

    def __init__(self, app: FastAPI, limits: Limits, **options: Any):
        self.limits: Limits = limits
        self.meters: Meters = app.state.meters
        self.places: Places = app.state.places
        self.open: set[Waiting] = set()
        self.waiting: dict[Waiting, float] = {}
        super().__init__(app, limit_concurrency=limits.connections + 1, **options)

    def make_room(self, now: float) -> None:
        """Ends the connections that have waited longest, if there are more than the limit."""
        excess = max(0, len(self.open) - self.limits.connections)
        for connection, since in list(islice(self.waiting.items(), excess)):
            if now - since > MIN_WAIT:
                connection.drop("to make room for others")


class Waiting(asyncio.Protocol):
    """Base class for uvicorn's protocols: a connection with a deadline while it waits for its client."""

    config: Config
    budget: Budget
    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
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

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
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

    def parse(self, data: bytes) -> None:
        """Parses a slice of what was received."""
        raise NotImplementedError
