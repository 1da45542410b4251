"""Writes annotated copies of pictures and videos, and the faces as the network saw them."""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from fer.counting import counted
from fer.errors import UserError
from fer.pictures import Unreadable
from fer.prediction.draw import NO_FACE, annotate
from fer.prediction.outputs import make_folder, write_errors
from fer.prediction.pictures import Source, decode_rgb
from fer.prediction.sound import sound_of
from fer.prediction.stream import Result
from fer.prediction.video_writer import VideoWriter, video_suffix

COPY_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")  # copies of other pictures are .png


class Recording(NamedTuple):
    """The annotated copy of a video that is being written. start: seconds of its first frame in the video."""

    source: Source
    writer: VideoWriter
    start: float


class Annotated:
    """Writes a copy of every picture and video with boxes and labels to a folder, under its own name."""

    def __init__(self, folder: Path):
        self.folder, self.taken, self.count = make_folder(folder), set(), 0
        self.video: Recording | None = None

    def add(self, result: Result) -> None:
        if self.video and self.video.source is not result.source:
            self._end_video()
        if result.error:
            return
        if result.picture is not None:
            self._add_frame(result, result.picture, result.seconds or 0.0)
            return
        with suppress(Unreadable):  # the file was removed meanwhile
            picture = decode_rgb(result.source.file, result.source.name)
            save(annotate(picture, result.faces, note="" if result.faces else NO_FACE), self._path(result.source))
            self.count += 1

    def _add_frame(self, result: Result, picture: Image.Image, seconds: float) -> None:
        if self.video is None:
            path, sound = self._path(result.source, video_suffix()), sound_of(result.source.content, seconds)
            self.video = Recording(result.source, VideoWriter(path, picture.size, sound), seconds)
            self.count += 1
        self.video.writer.add(annotate(picture, result.faces), seconds - self.video.start)

    def _end_video(self) -> None:
        if self.video:
            self.video.writer.close()
        self.video = None

    def _path(self, source: Source, suffix: str = "") -> Path:
        """Returns a path below the folder that is neither written already nor the source itself.

        suffix: of the copy; without it that of the source, or .png.
        """
        place = Path(source.place)
        if suffix or place.suffix.lower() not in COPY_SUFFIXES:
            place = place.with_suffix(suffix or ".png")
        path = self.folder / unused_path(place, self.taken)
        if isinstance(source.content, Path) and path.resolve() == source.content.resolve():
            raise UserError(f"{path} would replace the original; choose another folder with --out FOLDER")
        make_folder(path.parent)
        return path

    def close(self) -> str | None:
        self._end_video()
        return f"{self.folder}/: {self.count} annotated"


class NetworkView:
    """Writes the network's input for each face as a 48×48 grey PNG, which --no-detect reads.

    Subfolders are kept, so photographs in a folder per class become a data set of faces.
    """

    def __init__(self, folder: Path):
        self.folder, self.count, self.taken = make_folder(folder), 0, set()

    def add(self, result: Result) -> None:
        place = Path(result.source.place)
        frame = "" if result.frame is None else f"-frame{result.frame}"
        for face in result.faces:
            name = unused_path(place.with_name(f"{place.stem}{frame}-face{face.number}.png"), self.taken)
            make_folder((self.folder / name).parent)
            save(Image.fromarray(face.pixels), self.folder / name)
            self.count += 1

    def close(self) -> str | None:
        return f"{self.folder}/: {counted(self.count, 'face')} as the network saw {'it' if self.count == 1 else 'them'}"


def unused_path(path: Path, taken: set[Path]) -> Path:
    """Returns `path`, or a-2, a-3 … if it is in `taken`, and adds it to `taken`."""
    unused, number = path, 2
    while unused in taken:
        unused = path.with_stem(f"{path.stem}-{number}")
        number += 1
    taken.add(unused)
    return unused


def save(picture: Image.Image, path: Path) -> None:
    with write_errors(path):
        picture.save(path, quality=92)  # of JPEG and WebP; PNG and BMP ignore it
