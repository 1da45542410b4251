r"""Writes results one by one as JSON and CSV.

JSON and CSV are always UTF-8, on standard output too. A byte of a file name that is not UTF-8 is written as the escape
of its surrogate, `caf\udce9.jpg`. `os.fsencode` restores the name from what Python's JSON parser reads, or from
`fer.filenames.unspelled(cell)` for a cell of the CSV.
"""

import csv
import errno
import io
import json
import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

from fer import streams
from fer.errors import UserError
from fer.filenames import escaped, spelled
from fer.prediction.stream import Result

STDOUT = "-"
COLUMNS = ("picture", "frame", "seconds", "face", "left", "top", "width", "height", "label", "confidence")


class Output(Protocol):
    """Receives the results one by one."""

    def add(self, result: Result) -> None: ...

    def close(self) -> str | None:
        """Finishes the output; returns what was written, None for standard output."""


class Json:
    """Writes a JSON list of pictures and video frames, each with its faces; `target` is a path or "-"."""

    def __init__(self, target: str):
        self.ascii = target == STDOUT and (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        self.target, self.file, self.count = target, open_target(target), 0

    def add(self, result: Result) -> None:
        self.file.write("[\n" if self.count == 0 else ",\n")
        text = json.dumps(result_json(result), ensure_ascii=self.ascii)
        self.file.write(escaped(text))
        self.count += 1

    def close(self) -> str | None:
        self.file.write("\n]\n" if self.count else "[]\n")
        return close_target(self.target, self.file)


class Csv:
    """Writes a CSV line for each face, with its probabilities, and one for a picture without a face."""

    def __init__(self, target: str, classes: Sequence[str]):
        self.target, self.file, self.classes = target, open_target(target), classes
        self.table = csv.writer(self.file, lineterminator="\n")
        self._row([*COLUMNS, *classes, "error", "detector"])

    def add(self, result: Result) -> None:
        seconds = "" if result.seconds is None else f"{result.seconds:.3f}"
        start = [result.source.name, "" if result.frame is None else result.frame, seconds]
        for face in result.faces:
            probabilities = [f"{value:.5f}" for value in (face.confidence, *face.probabilities.values())]
            self._row([*start, face.number, *face.box, face.label, *probabilities, "", result.detector])
        if not result.faces:
            empty = [""] * (len(COLUMNS) - len(start) + len(self.classes))
            self._row([*start, *empty, result.error, result.detector])

    def _row(self, cells: Sequence[Any]) -> None:
        self.table.writerow([spelled(cell) if isinstance(cell, str) else cell for cell in cells])

    def close(self) -> str | None:
        return close_target(self.target, self.file)


def result_json(result: Result) -> dict[str, Any]:
    """Returns a result as in the JSON output.

    face: the face's number, from 1 from left to right, which labels and the CSV show too; in videos it is the `track`.
    box: [left, top, width, height] in pixels of the upright picture. detector: what found the faces, "none" for a
    picture that is a cropped face.
    """
    picture: dict[str, Any] = {"picture": result.source.name}
    if result.frame is not None:
        picture |= {"frame": result.frame, "seconds": round(result.seconds or 0.0, 3)}
    if result.error:
        return picture | {"error": result.error, "faces": []}
    faces = []
    for face in result.faces:
        track = {} if face.track is None else {"track": face.track}
        probabilities = {name: round(value, 5) for name, value in face.probabilities.items()}
        content = {"box": list(face.box), "label": face.label, "probabilities": probabilities}
        faces.append(track | {"face": face.number} | content)
    detector = {"detector": result.detector} if result.detector else {}
    return picture | {"width": result.width, "height": result.height} | detector | {"faces": faces}


def open_target(target: str) -> TextIO:
    """Opens a file for text in UTF-8 and creates its folder; "-" is standard output."""
    if target == STDOUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")
        return sys.stdout
    make_folder(Path(target).parent)
    with write_errors(Path(target)):
        return open(target, "w", encoding="utf-8", newline="")


def close_target(target: str, file: TextIO) -> str | None:
    """Closes the file and returns its path; flushes standard output and returns None."""
    if target == STDOUT:
        file.flush()
        return None
    file.close()
    return target


def check_standard_output() -> None:
    """Raises if what was written to standard output is lost.

    SystemExit (141) if its reader has ended, as `head` does; UserError for other errors, such as a full disk.
    """
    error = streams.lost()
    if error is None:
        return
    if error.errno == errno.EPIPE:
        sys.exit(streams.PIPE_CLOSED)
    raise UserError(f"standard output: it cannot be written ({error.strerror}); name a file instead")


def make_folder(folder: Path) -> Path:
    """Creates the folder with its parents and returns it. Raises UserError if it cannot be created."""
    with write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def write_errors(path: Path):
    """Converts an OSError of the block to a UserError that names `path`."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or os.strerror(5)}); choose another") from error
