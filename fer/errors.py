"""Exceptions that commands report as one line instead of a traceback."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fer import streams

SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Signals that ask a command to stop: that of Ctrl-C, and that of schedulers."""
STOPPED = tuple(128 + number for number in SIGNALS)
"""Exit codes of a command that one of them stopped."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Error numbers of a full disk, an exhausted quota and a file that is larger than allowed."""
LONGEST = 400
"""Characters of a message that are printed at most."""


@dataclass(frozen=True)
class Setting:
    """An option, perhaps with a value, as a part of the message of a UserError.

    key: as in the config, such as "data.root". value: a tuple for a list. before, after: words of the message that make
    no sense without the option. As a string it is an override of Hydra's command line.
    """

    key: str
    value: str | tuple[str, ...] = ""
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        value = self.value if isinstance(self.value, str) else f"[{','.join(self.value)}]"
        return f"{self.before}{self.key}={value}{self.after}" if value else f"{self.before}{self.key}{self.after}"


class UserError(Exception):
    """An error that the user can correct. The message is one line: what is wrong, where, and what to do.

    Text of files and libraries in it is made safe for terminals, see `fer.streams.printable`.

    parts: the message in pieces. A piece that names an option is a `Setting`, so that a command with flags in place of
    Hydra's overrides can name the option in its own way.
    """

    def __init__(self, *parts: object):
        self.parts = parts
        super().__init__(streams.printable("".join(map(str, parts)).replace("\n", " "), LONGEST))

    def rewritten(self, name: Callable[[Setting], str]) -> "UserError":
        """Returns the error with each setting in the message replaced by what `name` returns for it."""
        return UserError(*(name(part) if isinstance(part, Setting) else part for part in self.parts))


class Interrupted(BaseException):
    """A signal asked the run to stop; `number` is the signal's. `except Exception` does not catch it."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """Makes SIGTERM and SIGINT (Ctrl-C) raise Interrupted. It has no effect in threads, which receive no signals."""
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
    """Ends the process with one line on stderr and exit code 2 on a UserError, and with 128 + number on a signal.

    From here on, writing to standard output and error never raises: see `fer.streams`.
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
        if is_nowhere():
            sys.exit(fail("the current folder was deleted; change to another one, with cd"))
        if error.errno not in FULL:
            raise
        sys.exit(fail(f"{error.filename or 'a file'}: cannot be written ({error.strerror}); make room there"))


def is_nowhere() -> bool:
    """Whether the current folder was deleted."""
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def as_user_error(error: BaseException) -> UserError:
    """Returns the first line of the original error, without those that Hydra wraps around it."""
    while error.__cause__:
        error = error.__cause__
    return UserError(first_line(error, None))


def first_line(error: BaseException, length: int | None = 160) -> str:
    """Returns the first line of an error's message, cut to `length` characters; its type if it has no message."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:length]


def fail(message: str) -> int:
    """Prints an error and returns the exit code for it."""
    line = streams.printable(message.replace("\n", " "), LONGEST)
    print(f"error: {line}", file=sys.stderr)
    return 2
