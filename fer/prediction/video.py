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
from fer.prediction.predictor import Face, Predictor
from fer.prediction.pyav import pyav
from fer.prediction.stream import Result, ahead
from fer.prediction.tracking import Tracker

DEFAULT_RATE = 25.0  # frames per second, for files without a rate
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,ogg,flv"
"""FFmpeg's names of the formats that are read. Others, such as playlists, can open further files and addresses."""
TICKS = 90_000
"""Time stamps per second, as usual in MPEG: a multiple of 24, 25, 30, 50 and 60 Hz."""

ENCODER = {
    "crf": "20",
    "preset": "veryfast",
    "bf": "0",
}  # without B-frames the length of a video matches its time stamps


class Frame(NamedTuple):
    number: int
    seconds: float
    picture: Image.Image  # RGB


class Video:
    """A video file. Raises Unreadable if it cannot be opened.

    rate: mean frames per second; length: number of frames, 0 if unknown.
    """

    def __init__(self, path: Path):
        self.av, self.path = pyav(), path
        try:
            self.file = open(path, "rb")  # noqa: SIM115  FFmpeg would open some names as addresses
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
        self.rate, self.length = float(self.stream.average_rate or DEFAULT_RATE), self.stream.frames

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Yields every `every`-th frame, upright, with its time in seconds since the first frame.

        Raises Unreadable after the last frame if some frames, or all, could not be decoded.
        """
        count, start, seconds, self.damaged = 0, None, 0.0, 0
        try:
            for frame in self._decoded():
                if start is None:
                    start = frame.time or 0.0
                stamp = count / self.rate if frame.time is None else frame.time - start
                seconds = max(seconds, stamp)  # damaged files have decreasing time stamps
                if count % every == 0:
                    yield Frame(count, seconds, _upright(frame))
                count += 1
        finally:
            self.container.close()
            self.file.close()
        if count == 0:
            raise Unreadable(self.path, "no frame could be read")
        if self.damaged:
            raise Unreadable(self.path, f"damaged in {self.damaged} places; frames are missing there")

    def _decoded(self) -> Iterator:
        """Yields all frames as PyAV's objects. Packets that cannot be decoded are counted in `damaged`."""
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
    """Converts PyAV's frame to RGB and rotates it by its display matrix."""
    return frame.to_image().rotate(90 * round(frame.rotation / 90), expand=True)


class Camera:
    """The camera with this number, read with OpenCV. Raises Unreadable if it cannot be opened."""

    def __init__(self, number: int):
        self.cv2, self.name = opencv(), f"camera {number}"
        self.capture = self.cv2.VideoCapture(number)
        if not self.capture.isOpened():
            raise Unreadable(self.name, "cannot be opened; is one connected, and free?")

    def frames(self) -> Iterator[Frame]:
        """Yields frames with the seconds since the start. Frames that arrive during processing are dropped."""
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
            raise Unreadable(self.name, "no frame could be read")


def track_faces(source: Source, frames: Iterator[Frame], predictor: Predictor, workers: int = 1) -> Iterator[Result]:
    """Yields a result with its picture for each frame; faces have track numbers and smoothed probabilities."""
    tracker = Tracker()
    room = 0 if workers == 1 else 4 * workers  # few, since frames are large and those of a camera become outdated
    for frame, detection in ahead(lambda frame: predictor.detect(frame.picture), frames, workers, room):
        [faces] = predictor.recognise([detection])
        faces = smooth_faces(tracker, predictor, faces, frame.seconds)
        yield Result(
            source,
            detection.width,
            detection.height,
            faces,
            frame=frame.number,
            seconds=frame.seconds,
            picture=frame.picture,
        )


def smooth_faces(tracker: Tracker, predictor: Predictor, faces: Sequence[Face], seconds: float) -> list[Face]:
    """Returns the faces of the next frame with track numbers and smoothed probabilities and labels."""
    rows = np.array([list(face.probabilities.values()) for face in faces])  # (n, C), or (0,) without faces
    smoothed = []
    for face, track in zip(faces, tracker([face.box for face in faces], rows, seconds), strict=True):
        probabilities = dict(zip(face.probabilities, track.probabilities.tolist(), strict=True))
        label = predictor.label(track.probabilities)
        number = {"track": track.number, "number": track.number}
        smoothed.append(replace(face, probabilities=probabilities, label=label, **number))
    return smoothed


class VideoWriter:
    """Writes RGB pictures with their times to an .mp4 file (H.264, which browsers play).

    size: width and height of the video; other pictures are resized, and an odd side is padded by a black pixel.
    Raises UserError if the file cannot be written.
    """

    def __init__(self, path: Path, size: tuple[int, int]):
        self.av, self.path, self.size, self.stamp, self.duration = pyav(), path, size, -1, 0
        self.even = (size[0] + size[0] % 2, size[1] + size[1] % 2)  # H.264 subsamples colours by 2
        try:
            self.container = self.av.open(str(path.absolute()), "w", format="mp4", options={"movflags": "faststart"})
            self.stream = self.container.add_stream("h264", rate=30, options=ENCODER)
            self.stream.width, self.stream.height, self.stream.pix_fmt = *self.even, "yuv420p"
            self.stream.codec_context.time_base = Fraction(1, TICKS)
            self.container.start_encoding()
        except (self.av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error

    def add(self, picture: Image.Image, seconds: float) -> None:
        """Adds the next picture, `seconds` after the start."""
        if picture.size != self.size:
            picture = picture.resize(self.size)
        frame = self.av.VideoFrame.from_image(picture.crop((0, 0, *self.even)))
        before, self.stamp = self.stamp, max(round(seconds * TICKS), self.stamp + 1)
        self.duration = self.stamp - before
        frame.pts, frame.time_base = self.stamp, Fraction(1, TICKS)
        self._write(frame)

    def close(self) -> None:
        self._write(None)  # flushes the encoder
        self.container.close()

    def _write(self, frame) -> None:
        try:
            packets = self.stream.encode(frame)
            if frame is None and packets:
                packets[-1].duration = self.duration  # the last frame lasts as long as the one before it
            self.container.mux(packets)
        except (self.av.FFmpegError, OSError) as error:
            raise self._write_error(error) from error

    def _write_error(self, error: Exception) -> UserError:
        reason = getattr(error, "strerror", None) or error
        return UserError(f"{self.path}: cannot be written ({reason}); choose another place with --out FOLDER")
