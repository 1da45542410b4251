r"""Writes results one by one: JSON, CSV, annotated copies, crops.

JSON and CSV are UTF-8 in every code page, on standard output too. A byte of a file name that is no UTF-8 is written as
the escape of its surrogate, `caf\udce9.jpg`: `os.fsencode(name)` of what Python's JSON parser reads, or of
`fer.filenames.unspelled(cell)` for a cell of the CSV, is the name as the file system has it.
"""

import csv
import errno
import json
import os
import sys
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

from PIL import Image

from fer import streams
from fer.errors import UserError
from fer.filenames import escaped, spelled
from fer.pictures import Unreadable
from fer.prediction.draw import annotated
from fer.prediction.pictures import Source, in_colour
from fer.prediction.stream import Result
from fer.prediction.video import VideoWriter

STDOUT = "-"
COLUMNS = ("picture", "frame", "seconds", "face", "left", "top", "width", "height", "label", "confidence")
WRITTEN = (".jpg", ".jpeg", ".png", ".webp", ".bmp")  # other kinds of pictures are copied as .png


class Output(Protocol):
    def add(self, result: Result) -> None: ...

    def close(self) -> str | None:
        """What was written where, if anything."""


class Json:
    """A list of pictures (frames, of videos), each with its faces."""

    def __init__(self, target: str):
        self.ascii = target == STDOUT and (sys.stdout.encoding or "").lower() not in ("utf-8", "utf8")
        self.target, self.file, self.count = target, opened(target), 0

    def add(self, result: Result) -> None:
        self.file.write("[\n" if self.count == 0 else ",\n")
        text = json.dumps(plain(result), ensure_ascii=self.ascii)
        self.file.write(escaped(text))
        self.count += 1

    def close(self) -> str | None:
        self.file.write("\n]\n" if self.count else "[]\n")
        return closed(self.target, self.file)


class Csv:
    """A line a face, with one probability a class; a line without a face for a picture that has none."""

    def __init__(self, target: str, classes: Sequence[str]):
        self.target, self.file, self.classes = target, opened(target), classes
        self.table = csv.writer(self.file, lineterminator="\n")
        self._row([*COLUMNS, *classes, "error"])

    def add(self, result: Result) -> None:
        seconds = "" if result.seconds is None else f"{result.seconds:.3f}"
        start = [result.source.name, "" if result.frame is None else result.frame, seconds]
        for number, face in enumerate(result.faces, 1):
            shares = [f"{share:.5f}" for share in (face.confidence, *face.probabilities.values())]
            self._row([*start, face.track or number, *face.box, face.label, *shares, ""])
        if not result.faces:
            self._row([*start, *[""] * (len(COLUMNS) - 3 + len(self.classes)), result.error])

    def _row(self, cells: Sequence[Any]) -> None:
        self.table.writerow([spelled(cell) if isinstance(cell, str) else cell for cell in cells])

    def close(self) -> str | None:
        return closed(self.target, self.file)


def plain(result: Result) -> dict[str, Any]:
    """A result as JSON holds it. box: [left, top, width, height] in pixels of the upright picture."""
    known: dict[str, Any] = {"picture": result.source.name}
    if result.frame is not None:
        known |= {"frame": result.frame, "seconds": round(result.seconds, 3)}
    if result.error:
        return known | {"error": result.error, "faces": []}
    faces = []
    for face in result.faces:
        track = {} if face.track is None else {"track": face.track}
        shares = {name: round(share, 5) for name, share in face.probabilities.items()}
        faces.append(track | {"box": list(face.box), "label": face.label, "probabilities": shares})
    return known | {"width": result.width, "height": result.height, "faces": faces}


class Annotated:
    """A copy of every picture and video with boxes and labels, in a folder, under the name it has."""

    def __init__(self, folder: Path):
        self.folder, self.taken, self.count = made(folder), set(), 0
        self.video: tuple[Source, VideoWriter] | None = None

    def add(self, result: Result) -> None:
        if self.video and self.video[0] is not result.source:
            self._end_video()
        if result.error:
            return
        if result.picture is not None:
            self._add_frame(result)
            return
        with suppress(Unreadable):  # a file that went away since
            picture = annotated(in_colour(result.source.content, result.source.name), result.faces)
            save(picture, self._path(result.source))
            self.count += 1

    def _add_frame(self, result: Result) -> None:
        if self.video is None:
            path = self._path(result.source).with_suffix(".mp4")
            self.video = result.source, VideoWriter(path, result.picture.size)
            self.count += 1
        self.video[1].add(annotated(result.picture, result.faces), result.seconds)

    def _end_video(self) -> None:
        if self.video:
            self.video[1].close()
        self.video = None

    def _path(self, source: Source) -> Path:
        """Below the folder, never a file of this run and never the source itself."""
        place = Path(source.place)
        if place.suffix.lower() not in WRITTEN and not isinstance(source.content, bytes):
            place = place.with_suffix(".png")
        path = self.folder / free(place, self.taken)
        if isinstance(source.content, Path) and path.resolve() == source.content.resolve():
            raise UserError(f"{path} would replace the original; choose another folder with --out FOLDER")
        made(path.parent)
        return path

    def close(self) -> str | None:
        self._end_video()
        return f"{self.folder}/: {self.count} annotated"


class NetworkView:
    """Each face as the network saw it: 48×48 grey PNGs, which --no-detect takes for what they are. Folders stay, so
    that of photographs in a folder per class comes a data set of faces."""

    def __init__(self, folder: Path):
        self.folder, self.count, self.taken = made(folder), 0, set()

    def add(self, result: Result) -> None:
        place = Path(result.source.place)
        frame = "" if result.frame is None else f"-frame{result.frame}"
        for number, face in enumerate(result.faces, 1):
            name = free(place.with_name(f"{place.stem}{frame}-face{face.track or number}.png"), self.taken)
            made((self.folder / name).parent)
            save(Image.fromarray(face.pixels), self.folder / name)
            self.count += 1

    def close(self) -> str | None:
        return f"{self.folder}/: {self.count} faces as the network saw them"


def free(place: Path, taken: set[Path]) -> Path:
    """`place`, or if that is taken a-2, a-3 …; taken from now on."""
    found, number = place, 2
    while found in taken:
        found, number = place.with_stem(f"{place.stem}-{number}"), number + 1
    taken.add(found)
    return found


def save(picture: Image.Image, path: Path) -> None:
    with writing(path):
        picture.save(path, **({"quality": 92} if path.suffix.lower() in (".jpg", ".jpeg", ".webp") else {}))


def opened(target: str) -> TextIO:
    if target == STDOUT:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8")
        return sys.stdout
    with writing(Path(target)):
        return open(target, "w", encoding="utf-8", newline="")


def closed(target: str, file: TextIO) -> str | None:
    if target == STDOUT:
        file.flush()
        return None
    file.close()
    return target


def check_delivered() -> None:
    """Ends a command whose answer on standard output is lost.

    Raises SystemExit (141) where its reader went away, as `head` does, and UserError for a full disk and the like.
    """
    error = streams.lost()
    if error is None:
        return
    if error.errno == errno.EPIPE:
        sys.exit(streams.PIPE_CLOSED)
    raise UserError(f"standard output: the answer cannot be written ({error.strerror}); name a file for it")


def made(folder: Path) -> Path:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def writing(path: Path):
    """Turns what goes wrong in writing into one line."""
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or os.strerror(5)}); choose another") from error
