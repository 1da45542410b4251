"""Reads zip and tar archives in place."""

import bz2
import gzip
import io
import lzma
import os
import posixpath
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from fer.data.reading import (
    BUFFER,
    DEFAULT,
    LFS_POINTER,
    Limits,
    check_no_pointer,
    check_regular,
    check_total,
    checked_names,
    content_of,
    lines_of,
    readable,
)

DECOMPRESSORS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
"""First two bytes of a compressed tar -> what opens it."""

MEMBERS = 5_000_000  # of a tar, which may be much smaller than their headers
HOPS = 40  # from link to link, as Linux has it


class Archive:
    """What zip and tar have in common."""

    def __init__(self, root: Path, limits: Limits = DEFAULT):
        self.root, self.limits = root, limits
        with readable(root):
            check_regular(root)
            with open(root, "rb") as file:
                check_no_pointer(file.read(len(LFS_POINTER)), root)
            self.names = checked_names(self._list(), root)

    def path(self, name: str) -> str:
        return f"{self.root}:{name}" if name else str(self.root)

    def _list(self) -> Iterable[str]:
        raise NotImplementedError


class ZipArchive(Archive):
    """A zip. Of several entries of one name the last counts, as when it is unpacked.

    Some programs of Windows separate folders by backslashes: where no name has a slash, a backslash is one.
    """

    def _list(self) -> Iterable[str]:
        with zipfile.ZipFile(self.root) as archive:
            stored = [info.filename for info in archive.infolist() if not info.is_dir()]
        if any("/" in name for name in stored):
            self.stored = {name: name for name in stored}
        else:
            self.stored = {name.replace("\\", "/"): name for name in stored if not name.endswith("\\")}
        return self.stored

    def lines(self, name: str) -> Iterator[bytes]:
        with readable(self.root), zipfile.ZipFile(self.root) as archive, self._entry(archive, name) as file:
            yield from lines_of(io.BufferedReader(file, _step(archive, file)), self.path(name), self.limits)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        total = 0
        with readable(self.root), zipfile.ZipFile(self.root) as archive:
            for name in names:
                with self._entry(archive, name) as file:
                    data = content_of(file, self.path(name), self.limits, _step(archive, file))
                total += len(data)
                check_total(total, str(self.root), self.limits)
                yield name, data

    def _entry(self, archive: zipfile.ZipFile, name: str) -> zipfile.ZipExtFile:
        return cast(zipfile.ZipExtFile, archive.open(self.stored[name]))


def _step(archive: zipfile.ZipFile, file: zipfile.ZipExtFile) -> int:
    """Returns how many bytes of an entry to request at once, so that at most 50 MB are unpacked in advance.

    zipfile reads as many compressed bytes as it is asked for, or MIN_READ_SIZE, and unpacks them to the asked size only
    where they are stored or deflated. A block of bzip2 has at least some 40 bytes and up to 46 MB.
    """
    if archive.getinfo(file.name).compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return BUFFER
    file.MIN_READ_SIZE = 32
    return file.MIN_READ_SIZE


class TarArchive(Archive):
    """Compressed tars have no index, so they are read front to back.

    Of several members of one name the last counts, as when it is unpacked. Links to files of the archive are read as
    their content; devices and FIFOs are not opened.
    """

    def _list(self) -> Iterable[str]:
        self.offsets: dict[str, int] = {}  # name of a regular file -> where its member starts
        links: dict[str, str] = {}
        with self._open() as (file, archive):
            for count, member in enumerate(_members(archive)):
                check_total(file.tell() + member.size, str(self.root), self.limits)
                if count == MEMBERS:
                    raise tarfile.ReadError(f"more than {MEMBERS:,} members")
                if member.isreg():
                    self.offsets[member.name] = member.offset
                elif member.islnk() or member.issym():
                    links[member.name] = _target(member)
            file.check_end()
        self.links = _resolved(links, self.offsets)
        return {*self.offsets, *self.links}

    @contextmanager
    def _open(self) -> Iterator[tuple["Steps", tarfile.TarFile]]:
        with open(self.root, "rb") as start:
            opener = DECOMPRESSORS.get(start.read(2), open)
        with opener(self.root, "rb") as content:
            file = Steps(content, str(self.root), self.limits)
            with tarfile.TarFile(fileobj=file) as archive:
                yield file, archive

    def lines(self, name: str) -> Iterator[bytes]:
        file = self.links.get(name, name)
        with readable(self.root), self._open() as (_, archive):
            member = next(member for member in _members(archive) if member.name == file and self._is_last(member))
            content = io.BufferedReader(_content(archive, member), BUFFER)
            yield from lines_of(content, self.path(name), self.limits)

    def read(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        wanted = defaultdict(list)  # regular file -> the names that ask for it
        for name in names:
            wanted[self.links.get(name, name)].append(name)
        with readable(self.root), self._open() as (_, archive):
            for member in _members(archive):
                if member.name in wanted and self._is_last(member):
                    data = content_of(_content(archive, member), self.path(member.name), self.limits)
                    for name in wanted.pop(member.name):
                        yield name, data

    def _is_last(self, member: tarfile.TarInfo) -> bool:
        return self.offsets.get(member.name) == member.offset


class Steps(io.RawIOBase):
    """An unpacked tar of which no more than the limits is read at once (a name can be as long as a file) and in all."""

    def __init__(self, content: BinaryIO, where: str, limits: Limits):
        self.content, self.where, self.limits, self.last = content, where, limits, b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= max(self.limits.file, BUFFER):
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        check_total(self.tell(), self.where, self.limits)
        self.last = self.content.read(size)
        return self.last

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        check_total(place, self.where, self.limits)
        return self.content.seek(place, whence)

    def tell(self) -> int:
        return self.content.tell()

    def check_end(self) -> None:
        """Reads on to the end, where gzip compares its checksum, once tarfile has found no further member.

        Raises tarfile.ReadError unless zeros mark the end of the tar, which tarfile does not ask for. A compressed file
        that is whole needs no such mark.
        """
        if any(self.last):
            raise tarfile.ReadError(f"damaged before byte {self.tell():,}")
        if len(self.last) < tarfile.BLOCKSIZE and isinstance(self.content, io.BufferedReader):
            raise tarfile.ReadError("it breaks off before its end")
        while self.read(BUFFER):
            pass


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yields the members in order, without keeping them all as tarfile does."""
    while member := archive.next():
        archive.members = []  # pyright: ignore[reportAttributeAccessIssue]  # typeshed does not list it
        yield member


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> io.BufferedReader:
    """Opens a member that is a regular file."""
    return cast(io.BufferedReader, archive.extractfile(member))


def _target(member: tarfile.TarInfo) -> str:
    """Returns the path that a link in a tar points to: a hard link's from the top, a symbolic one's from beside it."""
    start = posixpath.dirname(member.name) if member.issym() else ""
    return posixpath.normpath(posixpath.join(start, member.linkname))


def _resolved(links: Mapping[str, str], files: Iterable[str]) -> dict[str, str]:
    """Returns link -> the file at the end of its chain, where that is in the archive."""
    by_path = {posixpath.normpath(name): name for name in files}
    onward = {posixpath.normpath(name): target for name, target in links.items()}
    ends = {}
    for name, target in links.items():
        path, hops = target, 0
        while path in onward and hops < HOPS:
            path, hops = onward[path], hops + 1
        if path in by_path:
            ends[name] = by_path[path]
    return ends
