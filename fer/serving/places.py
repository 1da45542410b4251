"""Limits the number of concurrent requests, each with a deadline; all end with the server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from fer.serving.refusal import RequestError

MIN_UPLOAD = 1.0
"""Seconds after which an upload may be ended for another request, if no place is free."""
SLOW = "the upload was slow and the server is busy; try again"
ENDING = "the server is shutting down; try again later"


class Place:
    """The place of a request, which uploads first and then waits for its answer. Created by `Places.take`."""

    def __init__(self, seconds: float):
        self.begun = asyncio.get_running_loop().time()
        self.deadline = self.begun + seconds
        self.uploading = False
        self.timeout: asyncio.Timeout | None = None
        self.refused: RequestError | None = None

    @asynccontextmanager
    async def upload(self, reason: str, status: int = 408) -> AsyncIterator[None]:
        """The block waits for the client, which may lose its place. Raises RequestError at the deadline."""
        self.uploading = True
        try:
            async with self.work(reason, status):
                yield
        finally:
            self.uploading = False

    @asynccontextmanager
    async def work(self, reason: str, status: int = 503) -> AsyncIterator[None]:
        """The block is work of the server. Raises RequestError at the deadline, or after `give_up`."""
        try:
            async with asyncio.timeout_at(self.deadline) as self.timeout:
                yield
        except TimeoutError:
            raise self.refused or RequestError(status, reason) from None
        finally:
            self.timeout = None

    def give_up(self, refused: RequestError) -> None:
        """Ends the running block, which raises `refused`."""
        if self.timeout is not None and not self.timeout.expired():
            self.refused = refused
            self.timeout.reschedule(0)


class Places:
    """`limit` places, each for `seconds`; observe is called with the number of taken places."""

    def __init__(self, limit: int, seconds: float, observe: Callable[[int], object] = lambda count: None):
        self.limit, self.seconds, self.observe = limit, seconds, observe
        self.taken: dict[Place, None] = {}  # oldest first
        self.closed = False

    @contextmanager
    def take(self) -> Iterator[Place]:
        """Takes a place during the block, that of a slow upload if needed. Raises RequestError if none is free."""
        if self.closed:
            raise RequestError(503, ENDING)
        if len(self.taken) >= self.limit:
            self.make_room()
        place = Place(self.seconds)
        self.taken[place] = None
        self.observe(len(self.taken))
        try:
            yield place
        finally:
            self.taken.pop(place, None)
            self.observe(len(self.taken))

    def make_room(self) -> None:
        """Ends the oldest slow upload. Raises RequestError without one."""
        before = asyncio.get_running_loop().time() - MIN_UPLOAD
        for place in self.taken:
            if place.uploading and place.begun < before:
                place.give_up(RequestError(408, SLOW))
                del self.taken[place]
                return
        raise RequestError(503, f"{self.limit} requests are in progress already; try again")

    def close(self) -> None:
        """Refuses all current and later requests."""
        self.closed = True
        for place in self.taken:
            place.give_up(RequestError(503, ENDING))
