"""Standard streams that never raise, for any encoding, closed pipe or full disk.

`fer.errors.one_line_errors`, which runs all commands, calls `harden` first. From then on

- a character that the encoding lacks is written as an ASCII replacement or as its escape,
- after the reader has ended (`| head`) output is dropped and the command goes on,
- on a full disk output is lost with one warning on standard error, and the command goes on,
- a stream that is closed from the start (`>&-`) accepts and drops all output.

A command whose result is its standard output calls `lost` to learn whether it still arrives.
"""

import codecs
import errno
import io
import os
import select
import sys
from typing import Any, TextIO

READABLE = "fer.readable"
"""The name of the standard streams' error handler, for `open` and `encode`."""
PIPE_CLOSED = 141
"""Exit code of a command whose reader has ended: 128 + SIGPIPE, as shells report it for cat and grep."""
REPLACEMENTS = {"─": "-", "━": "-", "–": "-", "—": "-", "×": "x", "…": "...", "→": "->", "√": "sqrt", "•": "*"}


def escaped(character: str) -> str:
    r"""Returns the Python escape of a character, `\xHH` for a byte of a file name that is not UTF-8."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def printable(text: str, longest: int | None = None) -> str:
    r"""Returns `text` in one line, with control and other unprintable characters escaped, as `\x1b`.

    Of a text of more than `longest` characters the middle is cut out: an error begins with the problem and ends with
    the remedy.
    """
    line = "".join(character if character.isprintable() else escaped(character) for character in text)
    if longest is None or len(line) <= longest:
        return line
    end = longest // 2 - 1
    return f"{line[: longest - end - 3]} … {line[-end:]}"


def readable(error: UnicodeError) -> tuple[str, int]:
    """The error handler: replaces the characters of REPLACEMENTS and escapes others."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    return "".join(REPLACEMENTS.get(character) or escaped(character) for character in characters), error.end


codecs.register_error(READABLE, readable)


class Standard(io.RawIOBase):
    """The raw file of a standard stream, whose `write` accepts everything and never raises OSError.

    file: the underlying raw file, None for a closed stream. error: the error that ended the output, None as long as
    it works.
    """

    def __init__(self, file: Any, name: str):
        self.file, self.name = file, name
        self.error: OSError | None = None if file else OSError(errno.EBADF, "it is closed")

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and self.error is None:
            rest = rest[self._write(rest) :]
        return size

    def _write(self, data: memoryview) -> int:
        """Writes once; returns the number of bytes, 0 if a non-blocking stream is full."""
        try:
            written = self.file.write(data)
            if written is None:
                select.select([], [self.file], [], 1)
        except OSError as error:
            self._set_error(error)
            return 0
        return written or 0

    def _set_error(self, error: OSError) -> None:
        self.error = error
        if error.errno != errno.EPIPE and self.name == "standard output":
            print(f"warning: {self.name}: {error.strerror}; further output is lost", file=sys.stderr)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self.file) and self.file.isatty()

    def fileno(self) -> int:
        if self.file is None:
            raise io.UnsupportedOperation("fileno")
        return self.file.fileno()


def harden() -> None:
    """Makes standard output and error of this process never raise. A second call changes nothing."""
    sys.stdout = hardened(sys.stdout, "standard output")
    sys.stderr = hardened(sys.stderr, "standard error")


def hardened(stream: TextIO | None, name: str) -> TextIO:
    """Returns the stream on top of a `Standard`, or itself if it is not a file, as in a notebook."""
    if stream is None:
        reserve_descriptor()
        return io.TextIOWrapper(io.BufferedWriter(Standard(None, name)), encoding="utf-8", errors=READABLE)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=READABLE)
    raw = raw_of(stream)
    is_file = isinstance(raw, io.FileIO) or "Console" in type(raw).__name__  # Windows' console
    if type(stream) is not io.TextIOWrapper or not is_file:
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
    """Returns the raw file below a text stream, None if it has none."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)


def reserve_descriptor() -> None:
    """Prevents the next opened file from getting the descriptor of a closed standard stream."""
    number = os.open(os.devnull, os.O_RDWR)
    if number > 2:
        os.close(number)


def lost() -> OSError | None:
    """Returns the error that ended standard output, None as long as it works."""
    return getattr(raw_of(sys.stdout), "error", None)
