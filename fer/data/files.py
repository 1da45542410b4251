"""One interface to the files of a directory, a zip or a tar archive."""

import errno
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from fer.data.archives import TarArchive, ZipArchive
from fer.data.reading import (
    ARCHIVES,
    BUFFER,
    DEFAULT,
    Limits,
    check_regular,
    checked_names,
    content_of,
    is_junk,
    lines_of,
    readable,
)
from fer.errors import UserError

DEPTH = 64  # folders inside each other
VISITS = 100  # of one folder, by links to it

Stamp = tuple[str, int, int, int, int]
"""Name, bytes, times of the last change of content and of status in ns, inode. A file that takes another's place with
its size and time, as `cp -p` and `rsync -t` leave it, has another status time or inode."""


class Directory:
    """A directory with everything below it, in order, without junk. Links to folders are followed."""

    def __init__(self, root: Path, limits: Limits = DEFAULT):
        self.root, self.limits = root, limits
        with readable(root):
            self.stamps: list[Stamp] = sorted(_scan(str(root)))
        self.names = checked_names((stamp[0] for stamp in self.stamps), root)

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def lines(self, name: str) -> Iterator[bytes]:
        with readable(self.path(name)), self._open(name) as file:
            yield from lines_of(file, self.path(name), self.limits)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            with readable(self.path(name)), self._open(name) as file:
                data = content_of(file, self.path(name), self.limits)
            yield name, data

    def _open(self, name: str) -> BinaryIO:
        check_regular(self.path(name))
        return open(self.path(name), "rb", buffering=BUFFER)


class SingleFile(Directory):
    """One file, as a directory that holds nothing else."""

    def __init__(self, path: Path, limits: Limits = DEFAULT):
        with readable(path):
            status = check_regular(path)
        self.root, self.names, self.limits = path.parent, [path.name], limits
        self.stamps = [_stamp(path.name, status)]


Files = Directory | ZipArchive | TarArchive


def files_at(path: Path, limits: Limits = DEFAULT) -> Files:
    """Returns the files at `path`: a directory's, an archive's, or the file alone.

    Raises UserError for what is damaged, larger than `limits` or not a regular file.
    """
    if path.is_dir():
        return Directory(path, limits)
    if path.name.lower().endswith(".zip"):
        return ZipArchive(path, limits)
    return TarArchive(path, limits) if path.name.lower().endswith(ARCHIVES) else SingleFile(path, limits)


def _stamp(name: str, status: os.stat_result) -> Stamp:
    return name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _scan(root: str) -> Iterator[Stamp]:
    """Yields the stamps of everything but folders below `root`.

    A link to a folder above it is not followed. Raises UserError for links that multiply and for too many levels.
    """
    status = os.stat(root)
    visits: Counter[tuple[int, int]] = Counter()
    start = ((status.st_dev, status.st_ino),)
    waiting: list[tuple[str, str, tuple[tuple[int, int], ...]]] = [(root, "", start)]
    """Folder, its name below root, itself and those above."""
    while waiting:
        folder, inside, above = waiting.pop()
        _check_bounds(folder, visits, above)
        for entry in os.scandir(folder):
            if is_junk(entry.name):
                continue
            status = _status(entry.path)
            if status is None:
                continue
            here = (status.st_dev, status.st_ino)
            if not stat.S_ISDIR(status.st_mode):
                yield _stamp(f"{inside}{entry.name}", status)
            elif here not in above:
                waiting.append((entry.path, f"{inside}{entry.name}/", (*above, here)))


def _status(path: str) -> os.stat_result | None:
    """Returns the status of a file, or None for a link that leads nowhere or back to itself."""
    try:
        return os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            return None
        raise


def _check_bounds(folder: str, visits: Counter[tuple[int, int]], above: tuple[tuple[int, int], ...]) -> None:
    """Counts the visit. Raises UserError for a folder that was visited too often or lies too deep."""
    visits[above[-1]] += 1
    if visits[above[-1]] > VISITS:
        raise UserError(f"{folder}: links between folders lead here in {VISITS} ways; remove such links")
    if len(above) > DEPTH + 1:
        raise UserError(f"{folder[:100]}…: more than {DEPTH} folders inside each other; name a deeper folder")
