"""Reads frames of videos and cameras, tracks faces, writes annotated videos."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer.errors import UserError
from fer.pictures import MAX_PIXELS, TooLarge, Unreadable
from fer.prediction.opencv import opencv
from fer.prediction.pictures import Source
from fer.prediction.predictor import Face, Predictor, Seen
from fer.prediction.pyav import pyav
from fer.prediction.stream import Result, ahead
from fer.prediction.tracking import Tracker

USUAL_RATE = 25.0  # for files that do not say theirs
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,ogg,flv"
"""FFmpeg's names of the formats that are read. Others, such as playlists, open further files and addresses."""
TICKS = 90_000
"""A second in the time stamps that are written, MPEG's usual: frames of 24, 25, 30, 50 and 60 Hz fit exactly."""

ENCODER = {"crf": "20", "preset": "veryfast", "bf": "0"}  # without B-frames a video is as long as its time stamps say


class Frame(NamedTuple):
    number: int
    seconds: float
    picture: Image.Image  # RGB


class Video:
    """A video file. Raises Unreadable where it cannot be opened.

    rate: mean number of frames a second; length: frames, 0 if unknown.
    """

    def __init__(self, path: Path):
        self.av, self.path = pyav(), path
        try:
            self.file = open(path, "rb")  # noqa: SIM115  FFmpeg would take some names for addresses
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            raise Unreadable(path, reason) from error
        try:
            self.container = self.av.open(self.file, options={"format_whitelist": CONTAINERS})
        except (self.av.FFmpegError, OSError) as error:
            self.file.close()
            raise Unreadable(path, f"not a video that can be read ({error.strerror})") from error
        self.stream = self.container.streams.best("video")
        if self.stream is None:
            raise Unreadable(path, "no video in it")
        pixels = self.stream.width * self.stream.height
        if pixels > MAX_PIXELS:
            raise TooLarge(path, f"{pixels:,} pixels, more than the {MAX_PIXELS:,} that are read")
        self.stream.thread_type = "AUTO"
        self.rate, self.length = float(self.stream.average_rate or USUAL_RATE), self.stream.frames

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """One frame in `every`, upright, with its own time stamp in seconds after the first frame's.

        Raises Unreadable after the last frame where some, or all, could not be decoded.
        """
        number, start, seconds, self.damaged = -1, None, 0.0, 0
        try:
            for number, frame in enumerate(self._decoded()):
                if start is None:
                    start = frame.time or 0.0
                stamp = number / self.rate if frame.time is None else frame.time - start
                seconds = max(seconds, stamp)  # time never runs backwards
                if number % every == 0:
                    yield Frame(number, seconds, _upright(frame))
        finally:
            self.container.close()
            self.file.close()
        if number < 0:
            raise Unreadable(self.path, "not one frame could be read")
        if self.damaged:
            raise Unreadable(self.path, f"damaged in {self.damaged} places; frames are missing there")

    def _decoded(self) -> Iterator:
        """All frames of PyAV's. What cannot be decoded is counted in `damaged`."""
        try:
            for packet in self.container.demux(self.stream):
                try:
                    frames = packet.decode()
                except self.av.FFmpegError:
                    self.damaged += 1
                else:
                    yield from frames
        except self.av.FFmpegError:
            self.damaged += 1


def _upright(frame) -> Image.Image:
    """PyAV's frame as RGB, turned as the camera's display matrix says."""
    return frame.to_image().rotate(90 * round(frame.rotation / 90), expand=True)


class Camera:
    """The camera with that number, through OpenCV. Raises Unreadable where it cannot be opened."""

    def __init__(self, number: int):
        self.cv2, self.name = opencv(), f"camera {number}"
        self.capture = self.cv2.VideoCapture(number)
        if not self.capture.isOpened():
            raise Unreadable(self.name, "cannot be opened; is one connected, and free?")

    def frames(self) -> Iterator[Frame]:
        """Frames with the clock's time. Those that nobody had time for are dropped."""
        started, number = time.monotonic(), 0
        self.capture.set(self.cv2.CAP_PROP_BUFFERSIZE, 1)
        try:
            while True:
                good, pixels = self.capture.read()
                if not good:
                    break
                picture = Image.fromarray(self.cv2.cvtColor(pixels, self.cv2.COLOR_BGR2RGB))
                yield Frame(number, time.monotonic() - started, picture)
                number += 1
        finally:
            self.capture.release()
        if number == 0:
            raise Unreadable(self.name, "not one frame could be read")


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
    """Writes RGB pictures with their times as an .mp4 (H.264, which browsers play).

    size: width and height of the pictures; others are resized, and an odd side grows by a black pixel.
    """

    def __init__(self, path: Path, size: tuple[int, int]):
        self.av, self.path, self.size, self.stamp, self.duration = pyav(), path, size, -1, 0
        self.even = (size[0] + size[0] % 2, size[1] + size[1] % 2)  # H.264 halves the resolution of colours
        try:
            self.container = self.av.open(str(path.absolute()), "w", format="mp4", options={"movflags": "faststart"})
            self.stream = self.container.add_stream("h264", rate=30, options=ENCODER)
            self.stream.width, self.stream.height, self.stream.pix_fmt = *self.even, "yuv420p"
            self.stream.codec_context.time_base = Fraction(1, TICKS)
            self.container.start_encoding()
        except (self.av.FFmpegError, OSError) as error:
            raise self._refused(error) from error

    def add(self, picture: Image.Image, seconds: float) -> None:
        """The next picture, `seconds` after the start."""
        if picture.size != self.size:
            picture = picture.resize(self.size)
        frame = self.av.VideoFrame.from_image(picture.crop((0, 0, *self.even)))
        before, self.stamp = self.stamp, max(round(seconds * TICKS), self.stamp + 1)
        self.duration = self.stamp - before
        frame.pts, frame.time_base = self.stamp, Fraction(1, TICKS)
        self._write(frame)

    def close(self) -> None:
        self._write(None)  # what the encoder holds back
        self.container.close()

    def _write(self, frame) -> None:
        try:
            packets = self.stream.encode(frame)
            if frame is None and packets:
                packets[-1].duration = self.duration  # the last frame is shown as long as the one before it
            self.container.mux(packets)
        except (self.av.FFmpegError, OSError) as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> UserError:
        reason = getattr(error, "strerror", None) or error
        return UserError(f"{self.path}: cannot be written ({reason}); choose another place with --out FOLDER")
