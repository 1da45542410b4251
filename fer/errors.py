"""Exceptions that commands report as one line instead of a traceback."""

import errno
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fer import streams

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What asks a command to stop: Ctrl-C, and what schedulers send."""
STOPPED = tuple(128 + number for number in SIGNALS)
"""Exit codes of a command that one of them stopped."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exhausted quota and a file that is larger than allowed."""


LONGEST = 400
"""Characters of an error that are shown."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, and what to do.

    What files and libraries contributed to it is made fit for a terminal, see `printable`.
    """

    def __init__(self, message: object):
        super().__init__(streams.printable(str(message).replace("\n", " "), LONGEST))


class Interrupted(BaseException):
    """A signal asked the run to stop; `number` is the signal's. No `except Exception` holds it."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGINT (Ctrl-C) raise Interrupted; in threads, which get no signals, nothing changes."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def receive(number: int, frame: Any) -> None:
        raise Interrupted(number)

    replaced = {number: signal.signal(number, receive) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What the user can mend ends in a line on stderr and exit code 2; a signal ends in its own code.

    From here on standard output and error never raise: see `fer.streams`.
    """
    streams.harden()
    try:
        with interruptible():
            yield
    except UserError as error:
        sys.exit(fail(str(error)))
    except Interrupted as error:
        sys.exit(128 + error.number)
    except OSError as error:
        if error.errno not in FULL:
            raise
        sys.exit(fail(f"{error.filename or 'a file'}: cannot be written ({error.strerror}); make room there"))


def as_user_error(error: BaseException) -> UserError:
    """The one line that a constructor said, without what Hydra wraps around it."""
    while error.__cause__:
        error = error.__cause__
    return UserError(str(error).splitlines()[0])


def fail(message: str) -> int:
    """Prints an error and returns the exit code for it."""
    line = streams.printable(message.replace("\n", " "), LONGEST)
    print(f"error: {line}", file=sys.stderr)
    return 2
