"""Caches parsed data and slow analyses on disk, so that later runs start at once.

Every file is a NumPy .npz archive: the arrays, and a JSON header with their names and the key that they belong to.
"""

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from fer.data.faces import Faces
from fer.data.reading import DAMAGED
from fer.files import Unwritable, atomic

META_FIELDS = ("classes", "layout", "sources", "notes", "fingerprint")
UNUSABLE = (*DAMAGED, ValueError, KeyError)
"""What `load` raises on a file that is missing, damaged or made from something else."""


_kept: ContextVar[dict[str, Faces]] = ContextVar("kept")
"""The faces that were read last, by their key; it has a value within `kept_in_memory` alone."""


@contextmanager
def kept_in_memory() -> Iterator[None]:
    """Keeps the faces that were read last in memory: the runs of a sweep read the same ones."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def cached_faces(place: Sequence, content: object, build: Callable[[], Faces]) -> Faces:
    """Returns `build()` with its fingerprint, from the cache where `place` and `content` are those of an earlier call.

    Each `place` has one file, which is replaced when `content` (sizes, times and inodes of the sources) or the code
    that reads them changes. Both are JSON-able.
    """
    key = digest([code(), place, content])
    path = cache_folder() / f"{digest(place)}.npz"
    kept = _kept.get({})
    if key not in kept:
        kept.clear()
        kept[key] = faces_from(load_or_build(path, key, lambda: arrays_of(build().stamped())))
    return kept[key]


def cached_arrays(
    kind: str, source: np.ndarray, build: Callable[[], Mapping[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Returns `build()`, from the cache where `kind`, `source` and the code of this package are those of an earlier
    call."""
    key = digest([code(), kind, source.shape, hashlib.sha256(source.data).hexdigest()])
    return load_or_build(cache_folder() / f"{key}.npz", key, build)


def cache_folder() -> Path:
    home = os.path.expanduser("~")  # stays "~" for users without one, as in some containers
    default = Path(tempfile.gettempdir() if home == "~" else home) / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "fer"


def digest(key: object) -> str:
    return hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]


def code() -> str:
    """Returns a digest of the code that reads data, so that the format needs no version number."""
    here = Path(__file__).parent
    files = [*sorted(here.glob("*.py")), here.parent / "pictures.py", here.parent / "preprocess.py"]
    return digest([file.read_text(encoding="utf-8") for file in files])


def load_or_build(path: Path, key: str, build: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Returns the arrays that `path` holds for `key`; otherwise those of `build()`, which it saves there.

    Several runs may do so at once. A disk that is full or read-only costs time, not the run.
    """
    with suppress(*UNUSABLE):
        return load(path, key)
    arrays = dict(build())
    with suppress(OSError, Unwritable):
        save(path, key, arrays)
    return arrays


def save(path: Path, key: str, arrays: Mapping[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = np.array(header_of(key, arrays))
    with atomic(path, "wb") as file:
        np.savez(file, header=header, **arrays)  # pyright: ignore[reportArgumentType]  # none is called allow_pickle


def load(path: Path, key: str) -> dict[str, np.ndarray]:
    """Returns the arrays saved under `key`. Raises one of UNUSABLE for anything else."""
    with open(path, "rb") as file:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()  # compares the CRC-32 of every array before NumPy trusts its header
        if damaged is not None:
            raise ValueError(f"{path} is damaged")
        file.seek(0)
        with np.load(file) as stored:
            arrays = dict(stored)
    if str(arrays.pop("header")) != header_of(key, arrays):
        raise ValueError(f"{path} was made from something else, or lacks an array")
    return arrays


def header_of(key: str, names: Iterable[str]) -> str:
    return json.dumps({"key": key, "names": sorted(names)})


def arrays_of(faces: Faces) -> dict[str, np.ndarray]:
    meta = {name: getattr(faces, name) for name in META_FIELDS}
    return faces.columns() | {"meta": np.array(json.dumps(meta))}


def faces_from(arrays: Mapping[str, np.ndarray]) -> Faces:
    """Returns the record that `arrays_of` turned into arrays."""
    meta = json.loads(str(arrays["meta"]))
    for name in ("classes", "sources", "notes"):
        meta[name] = tuple(meta[name])
    return Faces(**{name: array for name, array in arrays.items() if name != "meta"}, **meta)
