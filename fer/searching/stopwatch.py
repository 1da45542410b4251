"""Measures the time that a search has been worked on, over all starts and machines."""

import time
from uuid import uuid4

import optuna

PREFIX = "session "
"""Attributes of a study that begin so hold [start, end] of a session in seconds since the epoch."""


class Stopwatch:
    """The length of the union of all sessions of a study; this object is one of them."""

    def __init__(self, study: optuna.Study):
        self.study, self.key, self.start = study, f"{PREFIX}{uuid4().hex}", time.time()

    def save(self) -> None:
        """Writes the time of this session up to now into the storage."""
        self.study.set_user_attr(self.key, [self.start, time.time()])

    def seconds(self) -> float:
        """Returns the time of all sessions up to now; overlapping ones count once."""
        sessions = {key: span for key, span in self.study.user_attrs.items() if key.startswith(PREFIX)}
        sessions[self.key] = [self.start, time.time()]
        total, covered = 0.0, 0.0
        for start, end in sorted(sessions.values()):
            total += max(0.0, end - max(start, covered))
            covered = max(covered, end)
        return total
