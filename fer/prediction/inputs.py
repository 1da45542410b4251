"""Expands INPUT (files, folders, globs, standard input) into a list of pictures and videos."""

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer.data.files import Directory
from fer.errors import UserError
from fer.pictures import SUFFIXES
from fer.prediction.pictures import Source

VIDEOS = (".mp4", ".m4v", ".avi", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".ogv")
STDIN = "-"


def sources(inputs: Sequence[str]) -> list[Source]:
    """All that the inputs name, in their order, below folders by name. Raises UserError for one that names nothing."""
    return [source for one in inputs for source in _of(one)]


def is_video(source: Source) -> bool:
    return source.name.lower().endswith(VIDEOS)


def _of(text: str) -> Iterator[Source]:
    if text == STDIN:
        if sys.stdin is None:
            raise UserError("-: standard input is closed; name a file")
        yield Source("standard input", sys.stdin.buffer.read(), "stdin.png")
        return
    path = Path(os.path.expanduser(text))
    if path.is_dir():
        yield from _below(path)
    elif path.exists() or not glob.has_magic(text):  # a missing file is reported in its place, the rest goes on
        yield Source(text, path, path.name)
    else:
        found = sorted(glob.glob(str(path), recursive=True))
        if not found:
            raise UserError(f"{text}: nothing matches; check the pattern")
        for name in found:
            yield from _of(name) if not glob.has_magic(name) else [Source(name, Path(name), Path(name).name)]


def _below(folder: Path) -> Iterator[Source]:
    names = [name for name in Directory(folder).names if name.lower().endswith(SUFFIXES + VIDEOS)]
    if not names:
        raise UserError(f"{folder}: no picture ({' '.join(SUFFIXES)}) and no video ({' '.join(VIDEOS)}) in it")
    for name in names:
        yield Source(str(folder / name), folder / name, name)
