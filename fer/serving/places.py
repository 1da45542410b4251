"""Limits concurrent requests, each with a deadline; all end with the server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from fer.serving.refusal import Refused

YOUNG = 1.0
"""Seconds that an upload may take before it is ended for another request, where no place is free."""
SLOW = "the server is busy and needs the place of this slow upload; try again"
ENDING = "the server is ending; ask another one, or try again"


class Place:
    """The place of one request, which first uploads and then waits for its answer. Made by `Places.take`."""

    def __init__(self, seconds: float):
        self.begun = asyncio.get_running_loop().time()
        self.deadline = self.begun + seconds
        self.uploading = False
        self.timeout: asyncio.Timeout | None = None
        self.refused: Refused | None = None

    @asynccontextmanager
    async def upload(self, reason: str, status: int = 408) -> AsyncIterator[None]:
        """The block waits for the client, which can lose its place. Raises Refused at the deadline."""
        self.uploading = True
        try:
            async with self.work(reason, status):
                yield
        finally:
            self.uploading = False

    @asynccontextmanager
    async def work(self, reason: str, status: int = 503) -> AsyncIterator[None]:
        """The block is the server's work. Raises Refused at the deadline, or once `give_up` is called."""
        try:
            async with asyncio.timeout_at(self.deadline) as self.timeout:
                yield
        except TimeoutError:
            raise self.refused or Refused(status, reason) from None
        finally:
            self.timeout = None

    def give_up(self, refused: Refused) -> None:
        """Ends the block that runs, which raises `refused`."""
        if self.timeout is not None and not self.timeout.expired():
            self.refused = refused
            self.timeout.reschedule(0)


class Places:
    """`most` places, each for `seconds`. observe is told how many are taken."""

    def __init__(self, most: int, seconds: float, observe: Callable[[int], object] = lambda count: None):
        self.most, self.seconds, self.observe = most, seconds, observe
        self.taken: dict[Place, None] = {}  # oldest first
        self.closed = False

    @contextmanager
    def take(self) -> Iterator[Place]:
        """A place for the block. Raises Refused where none is free; an upload that is slow gives up its own."""
        if self.closed:
            raise Refused(503, ENDING)
        if len(self.taken) >= self.most:
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
        """Takes the place of the slowest upload. Raises Refused where there is none."""
        before = asyncio.get_running_loop().time() - YOUNG
        for place in self.taken:
            if place.uploading and place.begun < before:
                place.give_up(Refused(408, SLOW))
                del self.taken[place]
                return
        raise Refused(503, f"{self.most} requests are at work already; try again")

    def close(self) -> None:
        """Every request that has a place is refused, and so is every later one."""
        self.closed = True
        for place in self.taken:
            place.give_up(Refused(503, ENDING))
