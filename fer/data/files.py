"""Files of a directory, a zip or a tar archive behind one small interface; archives are read in place."""

import io
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fer.errors import UserError

ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
JUNK = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__", "lost+found"}
BUFFER = 1 << 20  # bytes; a row of FER2013 has 8 kB
DAMAGED = (OSError, EOFError, RuntimeError, zipfile.BadZipFile, tarfile.TarError, zlib.error)
"""What zipfile and tarfile raise on damaged, encrypted (RuntimeError) or unknown (NotImplementedError) content."""

Stamp = tuple[str, int, int]  # name, bytes, modification time in ns


class Directory:
    """A directory with everything below it, in order, without junk."""

    def __init__(self, root: Path):
        self.root = root
        with readable(root):
            self.stamps: list[Stamp] = sorted(_scan(str(root)))
        self.names = [name for name, _, _ in self.stamps]

    def path(self, name: str) -> str:
        return os.path.join(self.root, name)

    def lines(self, name: str) -> Iterator[bytes]:
        with readable(self.path(name)), open(self.path(name), "rb", buffering=BUFFER) as file:
            yield from file

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            with readable(self.path(name)), open(self.path(name), "rb") as file:
                data = file.read()
            yield name, data


class SingleFile(Directory):
    """One file, as a directory that holds nothing else."""

    def __init__(self, path: Path):
        status = path.stat()
        self.root, self.names = path.parent, [path.name]
        self.stamps = [(path.name, status.st_size, status.st_mtime_ns)]


class Archive:
    """What zip and tar have in common."""

    def __init__(self, root: Path):
        self.root = root
        with readable(root):
            self.names = sorted(name for name in self._list() if not is_junk(name))

    def path(self, name: str) -> str:
        return f"{self.root}:{name}" if name else str(self.root)

    def _list(self) -> list[str]:
        raise NotImplementedError


class ZipArchive(Archive):
    def _list(self) -> list[str]:
        with zipfile.ZipFile(self.root) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]

    def lines(self, name: str) -> Iterator[bytes]:
        with readable(self.root), zipfile.ZipFile(self.root) as archive, archive.open(name) as file:
            yield from io.BufferedReader(file, BUFFER)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        with readable(self.root), zipfile.ZipFile(self.root) as archive:
            for name in names:
                yield name, archive.read(name)


class TarArchive(Archive):
    """Compressed tars have no index, so they are read front to back."""

    def _list(self) -> list[str]:
        with tarfile.open(self.root) as archive:
            names = [member.name for member in archive if member.isfile()]
            while archive.fileobj.read(BUFFER):  # to the end, where gzip compares its checksum
                pass
            return names

    def lines(self, name: str) -> Iterator[bytes]:
        with readable(self.root), tarfile.open(self.root) as archive:
            member = next(member for member in archive if member.name == name)
            yield from io.BufferedReader(archive.extractfile(member), BUFFER)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        wanted = set(names)
        with readable(self.root), tarfile.open(self.root) as archive:
            for member in archive:
                if member.name in wanted:
                    wanted.remove(member.name)
                    yield member.name, archive.extractfile(member).read()


Files = Directory | ZipArchive | TarArchive


def files_at(path: Path) -> Files:
    """The files at `path`: a directory's, an archive's, or the file alone. Raises UserError for what is damaged."""
    if path.is_dir():
        return Directory(path)
    if path.name.lower().endswith(".zip"):
        return ZipArchive(path)
    return TarArchive(path) if path.name.lower().endswith(ARCHIVES) else SingleFile(path)


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


def is_junk(name: str) -> bool:
    """Whether `name` or a folder above it is what operating systems leave behind: hidden files, `__MACOSX` …"""
    return any(part.casefold() in JUNK or (part[:1] == "." and part not in (".", "..")) for part in name.split("/"))


def _scan(folder: str, inside: str = "", above: tuple[tuple[int, int], ...] = ()) -> Iterator[Stamp]:
    status = os.stat(folder)
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link back up would never end
        return
    for entry in os.scandir(folder):
        if is_junk(entry.name):
            continue
        if entry.is_dir():
            yield from _scan(entry.path, f"{inside}{entry.name}/", (*above, here))
        elif entry.is_file():
            status = entry.stat()
            yield f"{inside}{entry.name}", status.st_size, status.st_mtime_ns
