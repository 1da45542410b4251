"""Batches requests that arrive together.

Nothing waits for company: while one batch is at work the next one gathers, so a lone request is answered at once and
many share a forward pass.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from fer.prediction.predictor import BATCH, Face, Seen

Recognise = Callable[[Sequence[Seen]], list[list[Face]]]


class Batcher:
    """Call it with pictures, from as many tasks as there are; `run` must be running meanwhile.

    recognise is called in one thread of its own. observe is told how many faces each batch held.
    """

    def __init__(self, recognise: Recognise, observe: Callable[[int], None]):
        self.recognise, self.observe = recognise, observe
        self.waiting: deque[tuple[Sequence[Seen], asyncio.Future]] = deque()
        self.arrived = asyncio.Event()

    async def __call__(self, seen: Sequence[Seen]) -> list[list[Face]]:
        """The faces of each. Raises what `recognise` raises."""
        if not any(len(one.faces) for one in seen):
            return [[] for _ in seen]
        future = asyncio.get_running_loop().create_future()
        self.waiting.append((seen, future))
        self.arrived.set()
        return await future

    async def run(self) -> None:
        """Until it is cancelled."""
        with ThreadPoolExecutor(1, "network") as thread:
            while True:
                await self.arrived.wait()
                if batch := self.gathered():
                    await self.answer(batch, thread)

    def gathered(self) -> list[tuple[Sequence[Seen], asyncio.Future]]:
        """What waits, as far as one forward pass holds it; who gave up meanwhile is left out."""
        batch, count = [], 0
        while self.waiting and count < BATCH:
            seen, future = self.waiting.popleft()
            if not future.done():
                batch.append((seen, future))
                count += sum(len(one.faces) for one in seen)
        if not self.waiting:
            self.arrived.clear()
        return batch

    async def answer(self, batch: list[tuple[Sequence[Seen], asyncio.Future]], thread: ThreadPoolExecutor) -> None:
        everything = [one for seen, _ in batch for one in seen]
        self.observe(sum(len(one.faces) for one in everything))
        try:
            found = iter(await asyncio.get_running_loop().run_in_executor(thread, self.recognise, everything))
        except Exception as error:  # each of them hears of it, and the next batch goes on
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for seen, future in batch:
            answer = [next(found) for _ in seen]
            if not future.done():
                future.set_result(answer)
