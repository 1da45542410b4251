"""Reads untrusted files: limits their size, and turns errors into one line."""

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fer.errors import Setting, UserError
from fer.pictures import MAX_PIXELS

ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
JUNK = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__", "lost+found"}
BUFFER = 1 << 20  # bytes; a row of FER2013 has 8 kB
LINE = 1 << 20  # bytes of a line that are kept
NAME = 1000  # characters of a file's name with its folders
DAMAGED = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError)
"""What zipfile and tarfile raise on damaged, encrypted (RuntimeError) or unknown (NotImplementedError) content."""


@dataclass(frozen=True)
class Limits:
    """The most that is read.

    file, total: bytes, uncompressed, of one file that is held in memory, and of a csv or an archive in all.
    pixels: of one picture.
    """

    file: int = 100_000_000
    total: int = 10_000_000_000
    pixels: int = MAX_PIXELS


DEFAULT = Limits()
UNLIMITED = Limits(1 << 62, 1 << 62, 1 << 62)
"""For what was read within other limits before."""


def content_of(file: BinaryIO, where: str, limits: Limits, step: int = BUFFER) -> bytes:
    """The whole file, whatever size its header claims. Raises UserError for more than `limits.file` bytes."""
    blocks, size = [], 0
    while block := file.read(step):
        size += len(block)
        if size > limits.file:
            raise UserError(f"{where}: more than {limits.file:,} bytes; leave it out", higher_limit("file"))
        blocks.append(block)
    return b"".join(blocks)


def lines_of(file: BinaryIO, where: str, limits: Limits) -> Iterator[bytes]:
    """The lines of a file; of one that is longer than LINE bytes only the first LINE + 1.

    Raises UserError for more than `limits.total` bytes.
    """
    total, in_line = 0, False
    while piece := file.readline(LINE + 1):
        total += len(piece)
        check_total(total, where, limits)
        if not in_line:
            yield piece
        in_line = not piece.endswith(b"\n")


def check_total(size: int, where: str, limits: Limits) -> None:
    """Raises UserError where `size` is more than `limits.total`."""
    if size > limits.total:
        raise UserError(f"{where}: more than {limits.total:,} bytes in all; leave it out", higher_limit("total"))


def higher_limit(limit: str) -> Setting:
    return Setting(f"data.max_bytes.{limit}", "BYTES", before=", or raise the limit with ")


def checked_names(names: Iterable[str], where: Path) -> list[str]:
    """The names in order, without junk. Raises UserError for one that is too long to be kept for every face."""
    kept = sorted(name for name in names if not is_junk(name))
    for name in kept:
        if len(name) > NAME:
            size = f"{len(name):,} characters, at most {NAME:,}"
            raise UserError(f"{where}: the name {name[:40]}… has {size}; shorten it or leave it out")
    return kept


def is_junk(name: str) -> bool:
    """Whether `name` or a folder above it is what operating systems leave behind: hidden files, `__MACOSX` …"""
    return any(part.casefold() in JUNK or (part[:1] == "." and part not in (".", "..")) for part in name.split("/"))


def check_regular(path: str | Path) -> os.stat_result:
    """The status of a regular file. Raises UserError for any other: a FIFO would wait, a device never end."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise UserError(f"{path}: {_kind(status)}, not a regular file; remove it or name another place")
    return status


def _kind(status: os.stat_result) -> str:
    tests = {"a FIFO": stat.S_ISFIFO, "a socket": stat.S_ISSOCK, "a folder": stat.S_ISDIR}
    return next((kind for kind, holds in tests.items() if holds(status.st_mode)), "a device")


@contextmanager
def readable(where: Path | str) -> Iterator[None]:
    """Turns what goes wrong in reading files into one line."""
    try:
        yield
    except DAMAGED as error:
        is_archive = str(where).lower().endswith(ARCHIVES)
        what = "not a readable archive" if is_archive else "cannot be read"
        fix = "fetch or pack it again" if is_archive else "check the file and its permissions"
        raise UserError(f"{where}: {what} ({brief(error)}); {fix}") from error


def brief(error: Exception) -> str:
    """What a library says about a file, short and on one line."""
    return " ".join(str(error).split())[:100] or type(error).__name__
