"""Caches parsed data and slow analyses on disk, so that later runs start at once."""

import hashlib
import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fer.data.faces import ROW_FIELDS, Faces
from fer.files import Unwritable, atomic

META_FIELDS = ("classes", "layout", "sources", "notes", "fingerprint")
CHECKSUM = 4  # bytes of CRC-32 at the end of a file


def cached(place: Sequence, content: object, build: Callable[[], Faces]) -> Faces:
    """`build()` with its fingerprint, or what an earlier call with the same JSON-able `place` and `content` returned.

    Each `place` has one file, made again when `content` (sizes, times and inodes of the sources) or the code that reads
    them changes. It is written beside its final place and moved there in one step, so several runs may start at once; a
    checksum over the whole file is compared at each reading. Without a writable cache folder everything works, only
    slower.
    """
    path = cache_folder() / f"{digest(place)}.faces"
    key = digest([code(), place, content])
    with suppress(OSError, ValueError, KeyError, EOFError):
        return load(path, key)
    faces = build().stamped()
    with suppress(OSError, Unwritable):  # a read-only or full disk costs time, not the run
        save(faces, path, key)
    return faces


def kept(kind: str, source: np.ndarray, build: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """`build()`, or what an earlier call with the same `kind`, `source` and code of this package returned."""
    path = cache_folder() / f"{digest([code(), kind, source.shape, hashlib.sha256(source).hexdigest()])}.npz"
    with suppress(OSError, ValueError, EOFError, zipfile.BadZipFile), np.load(path) as file:
        return dict(file)
    arrays = dict(build())
    with suppress(OSError, Unwritable):
        write(path, lambda file: np.savez(file, **arrays))
    return arrays


def cache_folder() -> Path:
    home = os.path.expanduser("~")  # stays "~" for users without one, as in some containers
    default = Path(tempfile.gettempdir() if home == "~" else home) / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "fer"


def digest(key: object) -> str:
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]


def code() -> str:
    """Digest of the code that reads data, so that nobody has to count versions of this format."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "pictures.py", here.parent / "preprocess.py"]
    return digest([file.read_text(encoding="utf-8") for file in files])


def save(faces: Faces, path: Path, key: str) -> None:
    meta = {"key": key} | {name: getattr(faces, name) for name in META_FIELDS}

    def fill(file: BinaryIO) -> None:
        for array in (json.dumps(meta), *(getattr(faces, name) for name in ROW_FIELDS)):
            np.save(file, array)
        file.write(checksum(file, file.tell()))

    write(path, fill)


def write(path: Path, fill: Callable[[BinaryIO], object]) -> None:
    """The file that `fill` fills, moved to its place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path, "w+b") as file:
        fill(file)


def load(path: Path, key: str) -> Faces:
    """The record saved under `key`. Raises ValueError for anything else, damaged files among it."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size - CHECKSUM
        if checksum(file, size) != file.read():
            raise ValueError(f"{path} is damaged")
        file.seek(0)
        meta = json.loads(str(np.load(file)))
        if meta.pop("key") != key:
            raise ValueError(f"{path} was made from something else")
        rows = {name: np.load(file) for name in ROW_FIELDS}
    return Faces(**rows, **{name: tuple(value) if isinstance(value, list) else value for name, value in meta.items()})


def checksum(file: BinaryIO, size: int) -> bytes:
    """CRC-32 of the first `size` bytes, after which the file then stands."""
    file.seek(0)
    crc, left = 0, size
    while left > 0 and (block := file.read(min(left, 1 << 20))):
        crc, left = zlib.crc32(block, crc), left - len(block)
    return crc.to_bytes(CHECKSUM, "big")
