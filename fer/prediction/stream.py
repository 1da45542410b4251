"""Runs many pictures through a predictor: reads in parallel, predicts in batches, keeps the order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from PIL import Image

from fer.pictures import Unreadable, decode
from fer.prediction.pictures import Source
from fer.prediction.predictor import BATCH, Face, Predictor, Seen

T, R = TypeVar("T"), TypeVar("R")


@dataclass
class Result:
    """What became of a picture, or of a frame of a video."""

    source: Source
    width: int = 0
    height: int = 0
    faces: list[Face] = field(default_factory=list)
    error: str = ""  # why it could not be read
    frame: int | None = None  # number in its video, from 0
    seconds: float | None = None
    picture: Image.Image | None = None  # frames only


def results(sources: Iterable[Source], predictor: Predictor, workers: int) -> Iterator[Result]:
    """One for each picture, in order; one that cannot be read has its error and stops nothing.

    Decoders and cascades let go of Python's lock, so threads keep all cores at work.
    """

    def look(source: Source) -> Seen | Unreadable:
        try:
            return predictor.look(decode(source.content, source.name))
        except Unreadable as error:
            return error

    looked = ahead(look, sources, workers, room=BATCH)  # read while the batch before is recognised
    while batch := list(islice(looked, BATCH)):
        seen = [one for _, one in batch if isinstance(one, Seen)]
        faces = iter(predictor.recognise(seen))
        for source, one in batch:
            if isinstance(one, Seen):
                yield Result(source, one.width, one.height, next(faces))
            else:
                yield Result(source, error=str(one))


def ahead(call: Callable[[T], R], items: Iterable[T], workers: int, room: int) -> Iterator[tuple[T, R]]:
    """(item, call(item)) in order, made by `workers` threads that run up to `room` items ahead of the caller."""
    waiting: deque[tuple[T, Future[Any]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append((item, pool.submit(call, item)))
                if len(waiting) > room:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
