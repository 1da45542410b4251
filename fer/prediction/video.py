"""Videos and cameras: frames in, faces followed from frame to frame, annotated frames out."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer.errors import UserError
from fer.prediction.opencv import opencv
from fer.prediction.pictures import Source, Unreadable
from fer.prediction.predictor import Face, Predictor, Seen
from fer.prediction.stream import Result, ahead
from fer.prediction.tracking import Tracker

USUAL_RATE = 25.0  # for files that do not say theirs


class Frame(NamedTuple):
    number: int
    seconds: float
    picture: Image.Image  # RGB


class Video:
    """A video file, or the camera with that number. Raises Unreadable where it cannot be opened.

    rate: frames a second; length: frames, 0 if unknown.
    """

    def __init__(self, place: Path | int):
        self.cv2, self.place = opencv(), place
        camera = isinstance(place, int)
        if not camera and not place.is_file():
            raise Unreadable(f"{place}: no such file")
        self.capture = self.cv2.VideoCapture(place if camera else str(place))
        if not self.capture.isOpened():
            what = f"camera {place} cannot be opened; is one connected, and free?" if camera else None
            raise Unreadable(what or f"{place}: not a video that OpenCV can read")
        self.rate = self.capture.get(self.cv2.CAP_PROP_FPS) or USUAL_RATE
        self.length = 0 if camera else max(0, int(self.capture.get(self.cv2.CAP_PROP_FRAME_COUNT)))

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """One frame in `every`. A camera's time is the clock's, and it drops frames nobody had time for."""
        live, started, number = isinstance(self.place, int), time.monotonic(), 0
        if live:
            self.capture.set(self.cv2.CAP_PROP_BUFFERSIZE, 1)
        try:
            while self.capture.grab():
                if number % every == 0:
                    good, pixels = self.capture.retrieve()
                    if not good:
                        break
                    seconds = time.monotonic() - started if live else number / self.rate
                    yield Frame(number, seconds, Image.fromarray(self.cv2.cvtColor(pixels, self.cv2.COLOR_BGR2RGB)))
                number += 1
        finally:
            self.capture.release()
        if number == 0:
            raise Unreadable(f"{self.place}: not one frame could be read")


def followed(source: Source, frames: Iterator[Frame], predictor: Predictor, workers: int = 1) -> Iterator[Result]:
    """A result a frame, its picture with it; faces have the number of their track and smoothed probabilities."""
    tracker, room = Tracker(), 0 if workers == 1 else 4 * workers  # frames that wait are large, and a camera's get old
    for frame, seen in ahead(lambda frame: predictor.look(frame.picture), frames, workers, room):
        faces = tracked(tracker, predictor, seen, frame.seconds)
        yield Result(
            source, seen.width, seen.height, faces, frame=frame.number, seconds=frame.seconds, picture=frame.picture
        )


def tracked(tracker: Tracker, predictor: Predictor, seen: Seen, seconds: float) -> list[Face]:
    """The faces of a frame under the numbers of their tracks, probabilities and labels smoothed."""
    [faces] = predictor.recognise([seen])
    return smoothed(tracker, predictor, faces, seconds)


def smoothed(tracker: Tracker, predictor: Predictor, faces: Sequence[Face], seconds: float) -> list[Face]:
    """Those of the next frame, with what the tracker knows of them."""
    rows = np.array([list(face.probabilities.values()) for face in faces])  # no face, no row: (0,)
    smooth = []
    for face, track in zip(faces, tracker([face.box for face in faces], rows, seconds), strict=True):
        named = dict(zip(face.probabilities, track.probabilities.tolist(), strict=True))
        label = predictor.label(track.probabilities)
        smooth.append(replace(face, probabilities=named, label=label, track=track.number))
    return smooth


class VideoWriter:
    """Writes RGB pictures of one size as an .mp4 (MPEG-4 part 2, which OpenCV's wheels can write)."""

    def __init__(self, path: Path, rate: float, size: tuple[int, int]):
        self.cv2 = opencv()
        self.writer = self.cv2.VideoWriter(str(path), self.cv2.VideoWriter_fourcc(*"mp4v"), rate, size)
        if not self.writer.isOpened():
            raise UserError(f"{path}: cannot be written; choose another place with --out FOLDER")

    def add(self, picture: Image.Image) -> None:
        self.writer.write(self.cv2.cvtColor(np.asarray(picture), self.cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        self.writer.release()
