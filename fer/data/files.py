"""Files of a directory, a zip or a tar archive behind one small interface; archives are read in place."""

import io
import os
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fer.errors import UserError

ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
JUNK = {"thumbs.db", "desktop.ini", "__macosx", "__pycache__"}


class Directory:
    """A directory with everything below it."""

    def __init__(self, root: Path):
        self.root = root
        found = (Path(folder, name) for folder, _, names in os.walk(root, followlinks=True) for name in names)
        self.names = wanted(path.relative_to(root).as_posix() for path in found)

    def path(self, name: str) -> str:
        return str(self.root / name)

    def open(self, name: str) -> BinaryIO:
        return open(self.root / name, "rb")

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        for name in names:
            yield name, (self.root / name).read_bytes()

    def stamps(self, names: Iterable[str]) -> list[tuple[str, int, int]]:
        """(path, bytes, modification time in ns) of each file: what a cache is valid for."""
        return [stamp(self.root / name) for name in names]


class SingleFile(Directory):
    """One file, as a directory that holds nothing else."""

    def __init__(self, path: Path):
        self.root, self.names = path.parent, [path.name]


class Archive:
    """What zip and tar have in common."""

    def __init__(self, root: Path):
        self.root = root
        try:
            self.names = wanted(self._list())
        except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            raise UserError(f"{root}: not a readable archive ({error}); fetch or pack it again") from error

    def path(self, name: str) -> str:
        return f"{self.root}:{name}"

    def stamps(self, names: Iterable[str]) -> list[tuple[str, int, int]]:
        return [stamp(self.root)]


class ZipArchive(Archive):
    def _list(self) -> list[str]:
        with zipfile.ZipFile(self.root) as archive:
            return [info.filename for info in archive.infolist() if not info.is_dir()]

    def open(self, name: str) -> BinaryIO:
        return zipfile.ZipFile(self.root).open(name)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        with zipfile.ZipFile(self.root) as archive:
            for name in names:
                yield name, archive.read(name)


class TarArchive(Archive):
    """Compressed tars have no index, so they are read front to back."""

    def _list(self) -> list[str]:
        with tarfile.open(self.root) as archive:
            return [member.name for member in archive if member.isfile()]

    def open(self, name: str) -> BinaryIO:
        return io.BufferedReader(tarfile.open(self.root).extractfile(name), 1 << 20)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        names = set(names)
        with tarfile.open(self.root) as archive:
            for member in archive:
                if member.name in names:
                    yield member.name, archive.extractfile(member).read()


Files = Directory | ZipArchive | TarArchive


def files_at(path: Path) -> Files:
    """The files at `path`: a directory's, an archive's, or the file alone."""
    if path.is_dir():
        return Directory(path)
    if path.name.lower().endswith(".zip"):
        return ZipArchive(path)
    if path.name.lower().endswith(ARCHIVES):
        return TarArchive(path)
    return SingleFile(path)


def stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def wanted(names: Iterable[str]) -> list[str]:
    """`names` in order, without what operating systems leave behind: hidden files, `__MACOSX`, `Thumbs.db` …"""

    def is_junk(part: str) -> bool:
        return part.casefold() in JUNK or (part.startswith(".") and part not in (".", ".."))

    return sorted(name for name in names if not any(map(is_junk, PurePosixPath(name).parts)))
