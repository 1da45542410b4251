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
    """Returns the pictures and videos of all inputs in their order, those of a folder sorted by name.

    Raises UserError for a pattern without a match and for a folder without pictures or videos.
    """
    return [source for text in inputs for source in _expand(text)]


def is_video(source: Source) -> bool:
    return source.name.lower().endswith(VIDEOS)


def _expand(text: str) -> Iterator[Source]:
    if text == STDIN:
        if sys.stdin is None:
            raise UserError("-: standard input is closed; name a file")
        yield Source("standard input", sys.stdin.buffer.read(), "stdin.png")
        return
    path = Path(os.path.expanduser(text))
    if path.is_dir():
        yield from _folder_sources(path)
    elif path.exists() or not glob.has_magic(text):  # a missing file becomes an error in the results
        yield Source(text, path, path.name)
    else:
        names = sorted(glob.glob(str(path), recursive=True))
        if not names:
            raise UserError(f"{text}: nothing matches; check the pattern")
        for name in names:
            if glob.has_magic(name):  # a file name with brackets is not a pattern again
                yield Source(name, Path(name), Path(name).name)
            else:
                yield from _expand(name)


def _folder_sources(folder: Path) -> Iterator[Source]:
    names = [name for name in Directory(folder).names if name.lower().endswith(SUFFIXES + VIDEOS)]
    if not names:
        raise UserError(f"{folder}: it contains no picture ({' '.join(SUFFIXES)}) and no video ({' '.join(VIDEOS)})")
    for name in names:
        yield Source(str(folder / name), folder / name, name)
