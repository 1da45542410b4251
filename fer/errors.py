"""The exceptions that commands answer with a line instead of a traceback."""

import signal


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, and what to do."""


class Interrupted(Exception):
    """A signal asked the run to stop; `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number
