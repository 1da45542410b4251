"""Recognises untrusted pictures: decodes in threads, predicts in shared batches."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from fer.pictures import Unreadable
from fer.prediction.pictures import Source
from fer.prediction.predictor import Detection, Predictor
from fer.prediction.stream import Result
from fer.serving.batching import Batcher
from fer.serving.settings import Settings


class Recogniser:
    """Recognises the pictures of concurrent requests, while the task `batcher.run` is active."""

    def __init__(self, predictor: Predictor, settings: Settings, observe: Callable[[int], None] = lambda faces: None):
        self.predictor, self.limits = predictor, settings.limits
        self.threads = ThreadPoolExecutor(settings.workers, "detect")
        self.writer = ThreadPoolExecutor(1, "write")  # separate, so answers do not wait for pictures of later requests
        self.batcher = Batcher(predictor.recognise, observe)

    async def __call__(self, sources: Sequence[Source]) -> list[Result]:
        """Returns the faces of each picture, or an error. Cancelling removes pictures that were not started."""
        detections = await asyncio.gather(*(self.detect(source) for source in sources))
        faces = iter(await self.batcher([item for item in detections if isinstance(item, Detection)]))
        results = []
        for source, item in zip(sources, detections, strict=True):
            if isinstance(item, Detection):
                results.append(Result(source, item.width, item.height, next(faces)))
            else:
                results.append(Result(source, error=item, reason=item))
        return results

    async def detect(self, source: Source) -> Detection | str:
        """Returns the faces detected in a picture, or the reason why it cannot be read."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, self._detect, source)

    async def write(self, write: Callable, *arguments: Any) -> Any:
        """Calls `write` in the writer thread and returns its value."""
        return await asyncio.get_running_loop().run_in_executor(self.writer, write, *arguments)

    def _detect(self, source: Source) -> Detection | str:
        try:
            detection = self.predictor.detect_file(source.file, source.name, self.limits.pixels)
            return largest_faces(detection, self.limits.faces)
        except Unreadable as error:
            return error.reason

    def close(self) -> None:
        for executor in (self.threads, self.writer):
            executor.shutdown(wait=False, cancel_futures=True)


def largest_faces(detection: Detection, count: int) -> Detection:
    """Keeps the `count` largest faces, in their order."""
    if len(detection.boxes) <= count:
        return detection
    areas = [width * height for _, _, width, height in detection.boxes]
    by_size = sorted(range(len(areas)), key=lambda index: -areas[index])
    kept = sorted(by_size[:count])
    boxes = [detection.boxes[index] for index in kept]
    regions = [detection.regions[index] for index in kept]
    return replace(detection, boxes=boxes, regions=regions, faces=detection.faces[kept])
