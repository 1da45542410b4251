"""Parsed data, kept in the user's cache folder so that the second run starts at once."""

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fer.data.faces import ROW_FIELDS, Faces

FORMAT = 1  # raise it when a reader's result changes


def cached(key: object, build: Callable[[], Faces]) -> Faces:
    """`build()`, or what an earlier call with the same JSON-able `key` returned.

    The file is written beside its final place and moved there in one step, so several runs may start at once. Each
    array carries a CRC-32 which is checked when it is read; a damaged file is built again. Without a writable cache
    folder everything works, only slower.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, key]).encode()).hexdigest()[:24]
    path = cache_folder() / f"{digest}.npz"
    try:
        return load(path)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
        faces = build().stamped()
    try:
        save(faces, path)
    except OSError:
        pass  # a read-only or full disk costs time, not the run
    return faces


def cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer"


def save(faces: Faces, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = {name: getattr(faces, name) for name in ("classes", "layout", "sources", "notes", "fingerprint")}
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, meta=json.dumps(meta), **{name: getattr(faces, name) for name in ROW_FIELDS})
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path: Path) -> Faces:
    with np.load(path, allow_pickle=False) as arrays:
        meta = json.loads(str(arrays["meta"]))
        rows = {name: arrays[name] for name in ROW_FIELDS}
    return Faces(**rows, **{name: tuple(v) if isinstance(v, list) else v for name, v in meta.items()})
