"""The exceptions that commands answer with a line instead of a traceback."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""What asks a command to stop: Ctrl-C, and what schedulers send."""


LONGEST = 400
"""Characters of an error that are shown."""


class UserError(Exception):
    """Something the user can mend. The message is one line: what is wrong, where, and what to do.

    What files and libraries contributed to it is made fit for a terminal, see `printable`.
    """

    def __init__(self, message: object):
        super().__init__(printable(str(message)))


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
    """What the user can mend ends in a line on stderr and exit code 2; a signal ends in its own code."""
    try:
        with interruptible():
            yield
    except UserError as error:
        sys.exit(fail(str(error)))
    except Interrupted as error:
        sys.exit(128 + error.number)


def as_user_error(error: BaseException) -> UserError:
    """The one line that a constructor said, without what Hydra wraps around it."""
    while error.__cause__:
        error = error.__cause__
    return UserError(str(error).splitlines()[0])


def fail(message: str) -> int:
    """Prints an error and returns the exit code for it."""
    print(f"error: {printable(message)}", file=sys.stderr)
    return 2


def printable(text: str, longest: int = LONGEST) -> str:
    r"""`text` as one line without control characters, at most `longest` characters.

    Line breaks become blanks. Characters that a terminal could obey, or that are not printable, become escapes such as
    `\x1b`. From a longer text the middle is cut out: an error begins with what is wrong and ends with what to do.
    """
    line = text.replace("\n", " ")
    if not line.isprintable():
        line = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in line)
    if len(line) <= longest:
        return line
    end = longest // 2 - 1
    return f"{line[: longest - end - 3]} … {line[-end:]}"
