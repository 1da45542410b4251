"""Reads untrusted files: limits their size, and turns errors into one line."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from fer.errors import Setting, UserError
from fer.pictures import MAX_PIXELS

ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
COMPRESSED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""Suffix of a single compressed file -> what opens it."""
JUNK = {
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("__macosx", "icon\r", "__pycache__", "lost+found", "@eadir", "#recycle"),
}
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
BUFFER = 1 << 20  # bytes; a row of FER2013 has 8 kB
LINE = 1 << 20  # bytes of a line that are kept
NAME = 1000  # characters of a file's name with its folders
DAMAGED = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
"""What zipfile and tarfile raise on damaged, encrypted (RuntimeError) or unknown (NotImplementedError) content."""


@dataclass(frozen=True)
class Limits:
    """The most that is read, and how pictures are cropped.

    file, total: bytes, uncompressed, of one file that is held in memory, and of a csv or an archive in all.
    pixels: of one picture. align: whether pictures are photographs, to be cropped to the face in them, or the name of
    the detector that does so.
    """

    file: int = 100_000_000
    total: int = 10_000_000_000
    pixels: int = MAX_PIXELS
    align: bool | str = False


DEFAULT = Limits()
UNLIMITED = Limits(1 << 62, 1 << 62, 1 << 62)
"""For what was read within other limits before."""


def content_of(file: BinaryIO | io.BufferedIOBase, where: str, limits: Limits, step: int = BUFFER) -> bytes:
    """Returns the whole file, whatever size its header claims. Raises UserError for more than `limits.file` bytes."""
    blocks, size = [], 0
    while block := file.read(step):
        size += len(block)
        if size > limits.file:
            raise UserError(f"{where}: more than {limits.file:,} bytes; leave it out", higher_limit("file"))
        blocks.append(block)
    return b"".join(blocks)


def lines_of(file: BinaryIO, where: str, limits: Limits) -> Iterator[bytes]:
    """Yields the lines of a file, unpacked where `where` ends with the suffix of a compressed file.

    Of a line that is longer than LINE bytes only the first LINE + 1 are kept. Lines may end with a carriage return
    alone, as on the first Macintosh. Raises UserError for more than `limits.total` bytes.
    """
    opener = COMPRESSED.get(Path(where).suffix.lower())
    if opener:
        check_no_pointer(cast(io.BufferedReader, file).peek(len(LFS_POINTER)), where)
        file = cast(BinaryIO, opener(file, "rb"))
    first = file.readline(LINE + 1)
    if not first:
        return
    if b"\r" in first and b"\n" not in first:
        yield from _lines_ending_with_return(first, file, where, limits)
        return
    total, in_line = 0, False
    for piece in chain([first], iter(partial(file.readline, LINE + 1), b"")):
        total += len(piece)
        check_total(total, where, limits)
        if not in_line:
            yield piece
        in_line = not piece.endswith(b"\n")


def _lines_ending_with_return(first: bytes, file: BinaryIO, where: str, limits: Limits) -> Iterator[bytes]:
    total, rest = 0, b""
    for block in chain([first], iter(partial(file.read, BUFFER), b"")):
        total += len(block)
        check_total(total, where, limits)
        *lines, rest = (rest + block).split(b"\r")
        rest = rest[: LINE + 1]
        yield from (line[: LINE + 1] + b"\n" for line in lines)
    yield rest


def check_total(size: int, where: str, limits: Limits) -> None:
    """Raises UserError where `size` is more than `limits.total`."""
    if size > limits.total:
        raise UserError(f"{where}: more than {limits.total:,} bytes in all; leave it out", higher_limit("total"))


def higher_limit(limit: str) -> Setting:
    return Setting(f"data.max_bytes.{limit}", "BYTES", before=", or raise the limit with ")


def checked_names(names: Iterable[str], where: Path) -> list[str]:
    """Returns the names in order, without junk. Raises UserError for one that is too long to be kept for every face."""
    kept = sorted(name for name in names if not is_junk(name))
    for name in kept:
        if len(name) > NAME:
            size = f"{len(name):,} characters, at most {NAME:,}"
            raise UserError(f"{where}: the name {name[:40]}… has {size}; shorten it or leave it out")
    return kept


def is_junk(name: str) -> bool:
    """Whether `name` or a folder above it is what operating systems leave behind: hidden files, `__MACOSX` …"""
    return any(part.casefold() in JUNK or (part[:1] == "." and part not in (".", "..")) for part in name.split("/"))


def check_no_pointer(content: bytes, where: str | Path) -> None:
    """Raises UserError for a Git LFS pointer, which lies in place of a large file that was not fetched."""
    if content.startswith(LFS_POINTER):
        raise UserError(f"{where}: a Git LFS pointer, not the file itself; fetch it with git lfs pull")


def check_file_is_no_pointer(path: Path) -> None:
    """Raises UserError where the file is a Git LFS pointer; does nothing for a file that cannot be read."""
    with suppress(OSError), path.open("rb") as file:
        check_no_pointer(file.read(len(LFS_POINTER)), path)


def check_regular(path: str | Path) -> os.stat_result:
    """Returns the status of a regular file. Raises UserError for any other: a FIFO would wait, a device never end."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: {_kind(status)}, not a regular file; remove it or name another place")
    return status


def _kind(status: os.stat_result) -> str:
    tests = {"a FIFO": stat.S_ISFIFO, "a socket": stat.S_ISSOCK, "a folder": stat.S_ISDIR}
    return next((kind for kind, holds in tests.items() if holds(status.st_mode)), "a device")


@contextmanager
def readable(where: Path | str) -> Iterator[None]:
    """Turns errors in reading files into one line."""
    try:
        yield
    except DAMAGED as error:
        is_archive = str(where).lower().endswith(ARCHIVES)
        what = "not a readable archive" if is_archive else "cannot be read"
        fix = "fetch or pack it again" if is_archive else "check the file and its permissions"
        raise UserError(f"{where}: {what} ({brief(error)}); {fix}") from error


def brief(error: Exception) -> str:
    """Returns the message of a library's error, short and on one line."""
    return " ".join(str(error).split())[:100] or type(error).__name__
