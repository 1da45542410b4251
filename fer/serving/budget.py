"""Rate limit for the body chunks and WebSocket frames of a connection (a token bucket)."""

from typing import Any

import h11

PIECES = 1000
"""Body chunks or WebSocket frames (pings and fragments included) that a connection may send at once and per second.
Pieces larger than a kilobyte are not limited: parsing many tiny ones would delay other clients."""


class Budget:
    """The number of pieces that a connection may still send."""

    def __init__(self, now: float):
        self.left, self.counted = float(PIECES), now

    def add(self, size: int, now: float) -> None:
        """Adds pieces for `size` received bytes and for the time since the last call."""
        self.left = min(PIECES, self.left + PIECES * (now - self.counted)) + 1 + size / 1024
        self.counted = now

    def spend(self) -> bool:
        """Takes one piece; returns False if none is left."""
        self.left -= 1
        return self.left >= 0


class Parser(h11.Connection):
    """h11's parser with a limited number of chunks."""

    def __init__(self, limit: int, budget: Budget):
        super().__init__(h11.SERVER, limit)
        self.budget = budget

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Data) and not self.budget.spend():
            raise h11.RemoteProtocolError("too many chunks")
        return event
