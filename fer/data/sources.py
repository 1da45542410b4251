"""What `data=auto|fer2013|folder|synthetic` means: where faces come from, through the cache."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer.data.cache import cached
from fer.data.faces import Faces
from fer.data.fer2013 import HOW_TO_GET, read_fer2013
from fer.data.files import ARCHIVES, Directory, SingleFile, Stamp
from fer.data.folders import NothingFound, read_own
from fer.data.synthetic import synthetic_faces
from fer.errors import UserError
from fer.pictures import MAX_PIXELS, SUFFIXES

DEFAULT_ROOT = "data"
READERS = {"auto": read_fer2013, "fer2013": read_fer2013, "folder": read_own}


def read_faces(
    source: str,
    root: str | Sequence[str] | None = None,
    on_bad_row: str = "error",
    synthetic: Mapping[str, Any] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> tuple[Faces, str]:
    """The faces, and a line that says loudly where they come from.

    source: "auto", "fer2013", "folder" or "synthetic". `root` is one path or several; None stands for the environment
    variable FER2013_ROOT, then ./data. Only `auto` with nothing in ./data falls back to the synthetic faces: a place
    that was named must hold faces. on_bad_row: "error" or "skip". synthetic: arguments of `synthetic_faces`.
    max_pixels: a picture with more of them is a bad one.
    Raises UserError for data that cannot be used.
    """
    if not isinstance(max_pixels, int) or isinstance(max_pixels, bool) or max_pixels < 1:
        raise UserError(f"data.max_pixels={max_pixels}: expected a positive integer, the pixels of a picture")
    if source == "synthetic":
        return _synthetic(synthetic), "SYNTHETIC FACES (data=synthetic)"
    named = root or os.environ.get("FER2013_ROOT")
    paths = [named] if isinstance(named, str) else named or [DEFAULT_ROOT]
    roots = [Path(os.path.abspath(os.path.expanduser(path))) for path in paths]
    try:
        faces = _read(source, roots, on_bad_row, max_pixels)
    except NothingFound as nothing:
        if source != "auto" or named:
            raise
        return _synthetic(synthetic), f"SYNTHETIC FACES, NOT FER2013 ({nothing})"
    return faces, "own pictures" if source == "folder" else "FER2013"


def _synthetic(options: Mapping[str, Any] | None) -> Faces:
    options = dict(options or {})
    try:
        faces = cached(["synthetic", sorted(options.items())], None, lambda: synthetic_faces(**options))
    except ValueError as error:
        raise UserError(f"data.synthetic: {error}") from error
    if (faces.usage >= 0).all():  # their roles are no official split
        faces = replace(faces, folder=faces.usage, usage=np.full_like(faces.usage, -1))
    return faces


def _read(source: str, roots: Sequence[Path], on_bad_row: str, max_pixels: int) -> Faces:
    for root in roots:
        if not root.exists():
            fix = "check data.root" if source == "folder" else HOW_TO_GET
            raise NothingFound(f"no such path: {root}; {fix}")
    place = [source == "folder", on_bad_row, max_pixels, *map(str, roots)]
    return cached(place, [_stamps(root) for root in roots], lambda: READERS[source](roots, on_bad_row, max_pixels))


def _stamps(root: Path) -> list[Stamp]:
    """Name, size and time of all that could be read at `root`, archives unopened."""
    files = Directory(root) if root.is_dir() else SingleFile(root)
    return [stamp for stamp in files.stamps if stamp[0].lower().endswith((*SUFFIXES, *ARCHIVES, ".csv"))]
