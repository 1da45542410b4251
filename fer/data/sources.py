"""What `data=auto|fer2013|folder|synthetic` means: where faces come from, through the cache."""

import os
from collections.abc import Sequence
from pathlib import Path

from fer.data.cache import cached
from fer.data.faces import Faces, concatenate
from fer.data.fer2013 import HOW_TO_GET, read_fer2013
from fer.data.files import ARCHIVES, Directory, SingleFile, files_at
from fer.data.folders import PICTURES, NothingFound, image_names, read_folders
from fer.data.synthetic import synthetic_faces
from fer.errors import UserError

DEFAULT_ROOT = "data"
SOURCES = ("auto", "fer2013", "folder", "synthetic")


def read_faces(
    source: str, root: str | Sequence[str] | None, on_bad_row: str = "error", synthetic: dict | None = None
) -> tuple[Faces, str]:
    """The faces, and a line that says loudly where they come from.

    `root` is one path or several; None stands for the environment variable FER2013_ROOT, then ./data. Only `auto`
    with nothing there falls back to the synthetic faces: a place that was named must hold faces.
    """
    if source == "synthetic":
        return _synthetic(synthetic), "SYNTHETIC FACES (data=synthetic)"
    named = root or os.environ.get("FER2013_ROOT")
    roots = [Path(path).expanduser() for path in ([named] if isinstance(named, str) else named or [DEFAULT_ROOT])]
    try:
        faces = _read(source, roots, on_bad_row)
    except NothingFound as nothing:
        if source != "auto" or named:
            raise
        return _synthetic(synthetic), f"SYNTHETIC FACES, NOT FER2013 ({nothing})"
    return faces, "FER2013" if source != "folder" else "own pictures"


def _synthetic(options: dict | None) -> Faces:
    options = dict(options or {})
    return cached(["synthetic", sorted(options.items())], lambda: synthetic_faces(**options))


def _read(source: str, roots: list[Path], on_bad_row: str) -> Faces:
    for path in roots:
        if not path.exists():
            raise NothingFound(f"no such path: {path}; {HOW_TO_GET}")
    read = _read_own if source == "folder" else read_fer2013
    return cached([source, on_bad_row, [_stamps(path) for path in roots]], lambda: read(roots, on_bad_row))


def _read_own(roots: list[Path], on_bad_row: str) -> Faces:
    parts = []
    for path in roots:
        files = files_at(path)
        names = [name for name in image_names(files) if "/" in name]
        if not names:
            raise UserError(f"{path}: no picture ({' '.join(PICTURES)}) in a folder per class; check data.root")
        parts.append(read_folders(files, names, on_bad_row, own_classes=True))
    if len({part.classes for part in parts}) > 1:
        names = " against ".join(", ".join(part.classes) for part in parts)
        raise UserError(f"data.root: the places hold different classes ({names}); give them the same folders")
    return concatenate(parts)


def _stamps(path: Path) -> list:
    """Path, size and time of all that could be read at or below `path`, archives unopened."""
    files = Directory(path) if path.is_dir() else SingleFile(path)
    return files.stamps(name for name in files.names if name.lower().endswith((*PICTURES, *ARCHIVES, ".csv")))
