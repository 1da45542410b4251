"""Recognises untrusted picture bytes: decodes in threads, predicts in shared batches."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from fer.pictures import Unreadable, decode
from fer.prediction.pictures import Source
from fer.prediction.predictor import Predictor, Seen
from fer.prediction.stream import Result
from fer.serving.batching import Batcher
from fer.serving.settings import Settings


class Recogniser:
    """Start `batcher.run` beside it."""

    def __init__(self, predictor: Predictor, settings: Settings, observe: Callable[[int], None] = lambda faces: None):
        self.predictor, self.limits = predictor, settings.limits
        self.threads = ThreadPoolExecutor(settings.workers, "look")
        self.writer = ThreadPoolExecutor(1, "write")  # answers do not queue behind pictures of later requests
        self.batcher = Batcher(predictor.recognise, observe)

    async def __call__(self, sources: Sequence[Source]) -> list[Result]:
        """Of each, its faces or why it cannot be read. Who stops waiting takes what has not begun out of the queue."""
        looked = await asyncio.gather(*(self.look(source) for source in sources))
        faces = iter(await self.batcher([one for one in looked if isinstance(one, Seen)]))
        return [
            Result(source, one.width, one.height, next(faces)) if isinstance(one, Seen) else Result(source, error=one)
            for source, one in zip(sources, looked, strict=True)
        ]

    async def look(self, source: Source) -> Seen | str:
        """What is to be seen in a picture, or why it cannot be read, without its name."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, self._look, source)

    async def written(self, write: Callable, *arguments: Any) -> Any:
        """What `write` makes of a result, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.writer, write, *arguments)

    def _look(self, source: Source) -> Seen | str:
        try:
            picture = decode(source.content, source.name, self.limits.pixels)
            return largest(self.predictor.look(picture), self.limits.faces)
        except Unreadable as error:
            return error.reason

    def close(self) -> None:
        for executor in (self.threads, self.writer):
            executor.shutdown(wait=False, cancel_futures=True)


def largest(seen: Seen, count: int) -> Seen:
    """The same with its `count` largest faces, in the order they had."""
    if len(seen.boxes) <= count:
        return seen
    by_size = sorted(range(len(seen.boxes)), key=lambda index: -seen.boxes[index][2] * seen.boxes[index][3])
    kept = sorted(by_size[:count])
    boxes, regions = [seen.boxes[index] for index in kept], [seen.regions[index] for index in kept]
    return replace(seen, boxes=boxes, regions=regions, faces=seen.faces[kept])
