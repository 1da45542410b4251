"""Reasons why a trial stops early, other than a signal."""

import signal

from fer.errors import Interrupted


class Pruned(Interrupted):
    """The pruner gave the trial up."""

    def __init__(self, monitor: str, value: float, epoch: int):
        super().__init__(signal.SIGTERM)
        self.args = (f"after epoch {epoch}, {monitor} {value:.4f}",)


class Lost(Interrupted):
    """Another worker has taken the trial up, since this one gave no sign of life."""

    def __init__(self):
        super().__init__(signal.SIGTERM)
        self.args = ("taken up by another worker",)
