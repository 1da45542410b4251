"""Limits the number of body chunks and WebSocket frames of a client."""

from typing import Any

import h11

PIECES = 1000
"""Chunks of a body, or WebSocket frames (pings and fragments too), of a connection in a burst and in a second. More are
taken where they are larger than a kilobyte: parsing many tiny ones would keep others waiting."""


class Budget:
    """How many more pieces a connection may send."""

    def __init__(self, now: float):
        self.left, self.counted = float(PIECES), now

    def add(self, size: int, now: float) -> None:
        """For bytes that came together, and for the time that passed."""
        self.left = min(PIECES, self.left + PIECES * (now - self.counted)) + 1 + size / 1024
        self.counted = now

    def spend(self) -> bool:
        """Takes one. False where there is none."""
        self.left -= 1
        return self.left >= 0


class Parser(h11.Connection):
    """h11's, which takes a limited number of chunks."""

    def __init__(self, limit: int, budget: Budget):
        super().__init__(h11.SERVER, limit)
        self.budget = budget

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Data) and not self.budget.spend():
            raise h11.RemoteProtocolError("too many chunks")
        return event
