"""Reads the frames of video files, and follows the faces in frames."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from fer.pictures import MAX_PIXELS, TooLarge, Unreadable
from fer.prediction.pictures import Source
from fer.prediction.predictor import Face, Predictor
from fer.prediction.pyav import pyav
from fer.prediction.stream import Result
from fer.prediction.tracking import Tracker
from fer.threads import ahead

DEFAULT_RATE = 25.0  # frames per second, for files without a rate
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts,asf,ogg,flv"
"""FFmpeg's names of the formats that are read. Others, such as playlists, can open further files and addresses."""
MIN_MISSING = 1.0
"""A file whose last frame comes this many seconds before the end of the video is cut short."""


class Frame(NamedTuple):
    number: int
    seconds: float
    picture: Image.Image  # RGB


class Video:
    """A video file, or its content. Raises Unreadable if it cannot be opened.

    rate: mean frames per second; length: number of frames, 0 if unknown; duration: seconds, None if unknown.
    """

    def __init__(self, content: Path | bytes, name: object = None):
        self.av, self.name = pyav(), content if isinstance(content, Path) else name or "video"
        try:
            self.file = io.BytesIO(content) if isinstance(content, bytes) else open(content, "rb")  # noqa: SIM115
        except OSError as error:  # FFmpeg itself would open some names as addresses
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
            raise Unreadable(self.name, reason) from error
        try:
            self.container = self.av.open(self.file, options={"format_whitelist": CONTAINERS})
        except (self.av.FFmpegError, OSError) as error:
            self.file.close()
            raise Unreadable(self.name, f"not a video that can be read ({error.strerror})") from error
        self.stream = picture_stream(self.container, self.name)
        self.rate, self.length = float(self.stream.average_rate or DEFAULT_RATE), self.stream.frames
        self.duration = duration_of(self.container, self.stream)

    def frames(self, every: int = 1, start: float = 0.0, end: float = inf) -> Iterator[Frame]:
        """Yields every `every`-th frame from `start` until before `end`, upright, with its time since the first frame.

        start, end: seconds. Numbers and times count from the first frame of the file. Frames before `start` are only
        decoded from the last keyframe on. Raises Unreadable after the last frame if some frames, or all, could not be
        decoded, and before it if there is none from `start` on.
        """
        seconds, count, yielded, ended = 0.0, 0, 0, False
        try:
            for count, stamp, frame in self._decoded(start):
                seconds = max(seconds, stamp)  # damaged files have decreasing time stamps
                if ended := seconds >= end:
                    break
                if seconds >= start and count % every == 0:
                    yielded += 1
                    yield Frame(count, seconds, upright(frame))
        finally:
            self.container.close()
            self.file.close()
        self._check(count, seconds, yielded, start, ended)

    def _decoded(self, start: float) -> Iterator[tuple[int, float, object]]:
        """Yields number, seconds and PyAV's object of each frame from the last keyframe before `start` on.

        Packets that cannot be decoded are counted in `damaged`.
        """
        self.damaged, first, number = 0, None, 0
        for packet in self._packets(start):
            try:
                frames = packet.decode()
            except self.av.FFmpegError:
                self.damaged += 1
                continue
            for frame in frames:
                if first is None:
                    first = frame.time or 0.0 if self.first is None else self.first
                    number = self.skipped
                yield number, number / self.rate if frame.time is None else frame.time - first, frame
                number += 1

    def _packets(self, start: float) -> Iterator:
        """Yields the packets from the last keyframe before `start` on; counts those before it in `skipped`.

        first: time of the first frame, None where it is that of the first packet.
        """
        self.skipped, self.first, waiting, number = 0, None, [], 0
        begin = None
        try:
            for packet in self.container.demux(self.stream):
                time = None if packet.pts is None else float(packet.pts * packet.time_base)
                begin = time if begin is None else begin
                passed = start <= 0 or time is None or begin is None or time - begin >= start
                if waiting is not None and packet.is_keyframe and not passed and number:
                    self.skipped, self.first, waiting = number, begin, []
                number += 1
                if waiting is None:
                    yield packet
                    continue
                waiting.append(packet)
                if passed:
                    yield from waiting
                    waiting = None
        except self.av.FFmpegError:
            self.damaged += 1
        yield from waiting or []

    def _check(self, count: int, seconds: float, yielded: int, start: float, ended: bool) -> None:
        """Raises Unreadable for what was missing; count and seconds are those of the last frame."""
        if not yielded and not ended and seconds and start > seconds:
            raise Unreadable(self.name, f"it ends at {seconds:.1f} s, before --start {start:g}")
        if not yielded and not ended:
            raise Unreadable(self.name, "no frame could be read")
        if self.damaged:
            raise Unreadable(self.name, f"damaged in {self.damaged} places; frames are missing there")
        if not ended and self.duration and self.duration - seconds - 1 / self.rate > MIN_MISSING:
            raise Unreadable(self.name, f"cut short: it ends at {seconds:.1f} of {self.duration:.1f} s")


def picture_stream(container, name: object):
    """Returns the container's video stream, decoded by several threads. Raises Unreadable and TooLarge."""
    stream = container.streams.best("video")
    if stream is None:
        raise Unreadable(name, "no video in it")
    pixels = stream.width * stream.height
    if pixels > MAX_PIXELS:
        raise TooLarge(name, f"{pixels:,} pixels, more than the {MAX_PIXELS:,} that are read")
    stream.thread_type = "AUTO"
    return stream


def duration_of(container, stream) -> float | None:
    """Returns the seconds that the video lasts; None where the file does not say so, or speaks of its sound too."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.audio:
        return (container.duration - (container.start_time or 0)) / 1e6  # in Matroska it counts from 0
    return None


def upright(frame) -> Image.Image:
    """Converts PyAV's frame to RGB and rotates it by its display matrix."""
    return frame.to_image().rotate(90 * round(frame.rotation / 90), expand=True)


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
            detector=detection.detector,
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
