"""Standard streams that never raise, for any encoding, closed reader or full disk.

`fer.errors.one_line_errors`, through which all commands go, calls `harden` first. From then on

- a character that the code page lacks is written as a plainer one or as its escape,
- a reader that goes away (`| head`) is no error: what nobody reads is dropped, and the command goes on,
- a full disk costs the messages, which one line on standard error says, and not the work,
- a stream that was closed from the start (`>&-`) takes everything and keeps nothing.

A command whose answer is what it writes to standard output asks `lost` whether to go on.
"""

import codecs
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

READABLE = "fer.readable"
"""The name of the error handler of the standard streams, as `open` and `encode` take it."""
PIPE_CLOSED = 141
"""Exit code of a command whose reader went away: 128 + SIGPIPE, as shells report it for cat and grep."""
PLAINER = {"─": "-", "━": "-", "–": "-", "—": "-", "×": "x", "…": "...", "→": "->", "√": "sqrt", "•": "*"}


def escaped(character: str) -> str:
    r"""The Python escape of a character; a byte of a file name that is no UTF-8 is `\xHH`."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def printable(text: str, longest: int | None = None) -> str:
    r"""`text` in one line without control characters: whatever a terminal would not print is escaped, as `\x1b`.

    From a text of more than `longest` characters the middle is cut out: an error begins with
    what is wrong and ends with what to do.
    """
    line = "".join(character if character.isprintable() else escaped(character) for character in text)
    if longest is None or len(line) <= longest:
        return line
    end = longest // 2 - 1
    return f"{line[: longest - end - 3]} … {line[-end:]}"


def readable(error: UnicodeError) -> tuple[str, int]:
    """The error handler: a plainer character for those of PLAINER, the escape for others."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(PLAINER.get(character) or escaped(character) for character in characters), error.end


codecs.register_error(READABLE, readable)


class Standard(io.RawIOBase):
    """The raw file of a standard stream, whose `write` takes everything and never raises OSError.

    below: the raw file that it stands on, None for a stream that was closed. error: what ended the writing, None as
    long as it works.
    """

    def __init__(self, below: Any, name: str):
        self.below, self.name = below, name
        self.error: OSError | None = None if below else OSError(errno.EBADF, "it is closed")

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and self.error is None:
            rest = rest[self._write(rest) :]
        return size

    def _write(self, data: memoryview) -> int:
        """Bytes written, 0 where a non-blocking stream was full."""
        try:
            written = self.below.write(data)
            if written is None:
                select.select([], [self.below], [], 1)
        except OSError as error:
            self._lose(error)
            return 0
        return written or 0

    def _lose(self, error: OSError) -> None:
        self.error = error
        if error.errno != errno.EPIPE and self.name == "standard output":
            print(f"warning: {self.name}: {error.strerror}; what is written there is lost", file=sys.stderr)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self.below) and self.below.isatty()

    def fileno(self) -> int:
        if self.below is None:
            raise io.UnsupportedOperation("fileno")
        return self.below.fileno()


def harden() -> None:
    """Makes standard output and error of this process never raise; a second call changes nothing."""
    sys.stdout = hardened(sys.stdout, "standard output")
    sys.stderr = hardened(sys.stderr, "standard error")


def hardened(stream: TextIO | None, name: str) -> TextIO:
    """The same stream on a `Standard`; one that is no file of the process, such as a notebook's, stays."""
    if stream is None:
        reserve()
        return io.TextIOWrapper(io.BufferedWriter(Standard(None, name)), encoding="utf-8", errors=READABLE)
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors=READABLE)
    raw = raw_of(stream)
    if type(stream) is not io.TextIOWrapper or not (isinstance(raw, io.FileIO) or "Console" in type(raw).__name__):
        return stream
    standard = Standard(raw, name)
    return io.TextIOWrapper(
        standard if raw is stream.buffer else io.BufferedWriter(standard),  # unbuffered with python -u
        encoding=stream.encoding,
        errors=READABLE,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def raw_of(stream: TextIO) -> Any:
    """The lowest layer of a text stream; None where it has no layers."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def reserve() -> None:
    """Keeps the next file that is opened from getting the number of a standard stream that is closed."""
    number = os.open(os.devnull, os.O_RDWR)
    if number > 2:
        os.close(number)


def lost() -> OSError | None:
    """Why nothing more arrives on standard output; None as long as it does."""
    return getattr(raw_of(sys.stdout), "error", None)
