"""Recognises the faces of all inputs: pictures in batches, videos and cameras frame by frame."""

import itertools
from collections.abc import Iterator, Sequence
from math import inf
from typing import NamedTuple

from fer.pictures import Unreadable
from fer.prediction.pictures import Source
from fer.prediction.predictor import Predictor
from fer.prediction.stream import Result, results


class Part(NamedTuple):
    """The part of a video that is read: every `every`-th frame from `start` until before `end`, in seconds."""

    every: int = 1
    start: float = 0.0
    end: float = inf


def all_results(sources: Sequence[Source], predictor: Predictor, workers: int, part: Part) -> Iterator[Result]:
    """Yields the results of pictures and frames in the order of the sources."""
    for kind, group in itertools.groupby(sources, lambda source: source.kind):
        if kind == "picture":
            yield from results(group, predictor, workers)
            continue
        for source in group:
            yield from frame_results(source, predictor, workers, part)


def frame_results(source: Source, predictor: Predictor, workers: int, part: Part) -> Iterator[Result]:
    """Yields a result for each frame, and one with an error if the video is damaged or cannot be read.

    Of a camera the seconds count from its first frame, and frames are not read ahead of the answers.
    """
    from fer.prediction.live import live
    from fer.prediction.video import Video, track_faces

    try:
        if source.kind == "live":
            yield from track_faces(source, selected(live(str(source.content)).frames(), part), predictor)
        else:
            frames = Video(source.file).frames(part.every, part.start, part.end)
            yield from track_faces(source, frames, predictor, workers)
    except Unreadable as error:
        yield Result(source, error=str(error), reason=error.reason)


def selected(frames: Iterator, part: Part) -> Iterator:
    """Yields the frames of the part."""
    for frame in itertools.takewhile(lambda frame: frame.seconds < part.end, frames):
        if frame.seconds >= part.start and frame.number % part.every == 0:
            yield frame
