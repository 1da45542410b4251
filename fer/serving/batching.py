"""Batches requests that arrive together.

A request never waits for others: while the network runs a batch, the next one is collected. A single request runs at
once, and many requests share a forward pass.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fer.prediction.predictor import BATCH, Detection, Face

Recognise = Callable[[Sequence[Detection]], list[list[Face]]]


class Batcher:
    """Recognises the faces of concurrent tasks in common batches, while the task `run` is active.

    recognise: called in a thread of its own. observe: called with the number of faces of each batch.
    """

    def __init__(self, recognise: Recognise, observe: Callable[[int], None]):
        self.recognise, self.observe = recognise, observe
        self.waiting: deque[tuple[Sequence[Detection], asyncio.Future]] = deque()
        self.arrived = asyncio.Event()

    async def __call__(self, detections: Sequence[Detection]) -> list[list[Face]]:
        """Returns the faces of each detection. Raises what `recognise` raises."""
        if not any(len(detection.faces) for detection in detections):
            return [[] for _ in detections]
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((detections, future))
        self.arrived.set()
        return await future

    async def run(self) -> None:
        """Runs batches until it is cancelled."""
        with ThreadPoolExecutor(1, "network") as thread:
            while True:
                await self.arrived.wait()
                if batch := self.next_batch():
                    await self.run_batch(batch, thread)

    def next_batch(self) -> list[tuple[Sequence[Detection], asyncio.Future]]:
        """Returns the waiting requests that fit into one forward pass, without the cancelled ones."""
        batch, count = [], 0
        while self.waiting and count < BATCH:
            detections, future = self.waiting.popleft()
            if not future.done():
                batch.append((detections, future))
                count += sum(len(detection.faces) for detection in detections)
        if not self.waiting:
            self.arrived.clear()
        return batch

    async def run_batch(
        self, batch: list[tuple[Sequence[Detection], asyncio.Future]], thread: ThreadPoolExecutor
    ) -> None:
        """Recognises a batch in `thread` and sets the result or the error of each future."""
        all_detections = [detection for detections, _ in batch for detection in detections]
        self.observe(sum(len(detection.faces) for detection in all_detections))
        try:
            faces = iter(await asyncio.get_running_loop().run_in_executor(thread, self.recognise, all_detections))
        except Exception as error:  # all requests of the batch fail, and the next batch runs
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for detections, future in batch:
            result = [next(faces) for _ in detections]
            if not future.done():
                future.set_result(result)
