"""The server's log: each kind of message at most once a minute, with a count.

Clients cannot fill a disk with lines: what they can cause thousands of times is counted instead.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

SPAN = 60.0  # seconds
CLIENTS_FAULT = ("python_multipart", "websockets")
"""Loggers that warn of bad requests. Those are answered with the reason and counted in fer_requests."""

Kind = tuple[object, ...]


@dataclass
class Line:
    """Of one kind: when it was last written, what it said, and how often it came since."""

    written: float
    text: str
    more: int = 0


class Summed(logging.StreamHandler):
    """Writes the first line of a kind in `span` seconds; the next one says how many were left out.

    Lines are of one kind if they come from the same place in the code, with exceptions raised at the same place.
    """

    def __init__(self, stream: TextIO, span: float = SPAN, clock: Callable[[], float] = time.monotonic):
        super().__init__(stream)
        self.span, self.clock = span, clock
        self.lines: dict[Kind, Line] = {}

    def emit(self, record: logging.LogRecord) -> None:
        now, kind = self.clock(), kind_of(record)
        line = self.lines.get(kind)
        if line is not None and now - line.written < self.span:
            line.more += 1
            return
        if line is not None and line.more:
            self.write_sum(line)
        self.lines[kind] = Line(now, record.getMessage().strip().partition("\n")[0])
        super().emit(record)

    def write_sum(self, line: Line) -> None:
        self.stream.write(f"{line.more:,} more like: {line.text}\n")
        self.flush()
        line.more = 0

    def close(self) -> None:
        for line in self.lines.values():
            if line.more:
                self.write_sum(line)
        super().close()


def kind_of(record: logging.LogRecord) -> Kind:
    where = record.name, record.pathname, record.lineno
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return where
    return *where, type(error), *innermost(error)


def innermost(error: BaseException) -> tuple[str, int] | tuple[()]:
    """File and line where it was raised."""
    trace = error.__traceback__
    if trace is None:
        return ()
    while trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno


def valid_text(record: logging.LogRecord) -> bool:
    """False for uvicorn's traceback of a WebSocket's text that is not UTF-8."""
    return not record.getMessage().startswith("Invalid UTF-8 sequence received from client")


def quiet() -> None:
    """From now on libraries log no line for a request that is the client's fault."""
    for name in CLIENTS_FAULT:
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("uvicorn.error").addFilter(valid_text)


@contextmanager
def summed() -> Iterator[None]:
    """Writes the log of the whole process to stderr, each kind of line once a minute, for the length of the block."""
    handler, root = Summed(sys.stderr), logging.getLogger()
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()
