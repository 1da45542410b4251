"""The server's log: each kind of message at most once a minute, with a count.

Clients cannot fill a disk: messages that they can cause thousands of times are counted instead.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

INTERVAL = 60.0  # seconds between two messages of a kind
CLIENT_ERROR_LOGGERS = ("python_multipart", "websockets")
"""Loggers that warn of bad requests, which are answered with the reason and counted in fer_requests."""

Kind = tuple[object, ...]


@dataclass
class Line:
    """The last message of a kind: when it was written, its text, and the number of later ones."""

    written: float
    text: str
    repeated: int = 0


class RateLimitedHandler(logging.StreamHandler):
    """Writes one message of a kind in `span` seconds, and the number of suppressed ones before the next.

    Messages are of one kind if the same line logs them and, for exceptions, the same line raised them.
    """

    def __init__(self, stream: TextIO, span: float = INTERVAL, clock: Callable[[], float] = time.monotonic):
        super().__init__(stream)
        self.span, self.clock = span, clock
        self.lines: dict[Kind, Line] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now, kind = self.clock(), kind_of(record)
        line = self.lines.get(kind)
        if line is not None and now - line.written < self.span:
            line.repeated += 1
            return
        if line is not None and line.repeated:
            self.write_count(line)
        self.lines[kind] = Line(now, record.getMessage().strip().partition("\n")[0])
        super().emit(record)

    def write_count(self, line: Line) -> None:
        self.stream.write(f"{line.repeated:,} more like: {line.text}\n")
        self.flush()
        line.repeated = 0

    def close(self) -> None:
        for line in self.lines.values():
            if line.repeated:
                self.write_count(line)
        super().close()


def kind_of(record: logging.LogRecord) -> Kind:
    """Returns what identifies the kind of a message."""
    source = record.name, record.pathname, record.lineno
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return source
    return *source, type(error), *innermost(error)


def innermost(error: BaseException) -> tuple[str, int] | tuple[()]:
    """Returns the file and line that raised an exception."""
    trace = error.__traceback__
    if trace is None:
        return ()
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def is_not_invalid_utf8(record: logging.LogRecord) -> bool:
    """Filter for uvicorn's traceback of a WebSocket text that is not UTF-8."""
    return not record.getMessage().startswith("Invalid UTF-8 sequence received from client")


def quiet() -> None:
    """Silences libraries' messages about bad requests."""
    for name in CLIENT_ERROR_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(is_not_invalid_utf8)


@contextmanager
def rate_limited() -> Iterator[None]:
    """Writes the log of the process to stderr during the block, each kind of message once a minute."""
    handler, root = RateLimitedHandler(sys.stderr), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
