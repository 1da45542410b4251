"""Calls a function on many items in threads, in order."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


def all_cores() -> list[int]:
    """Returns the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def ahead(call: Callable[[T], R], items: Iterable[T], workers: int, room: int) -> Iterator[tuple[T, R]]:
    """Yields (item, call(item)) in order; `workers` threads run up to `room` items ahead of the caller."""
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


def on_all_cores(call: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Yields (item, call(item)) in order, computed by a thread for each core: decoders and cascades release the GIL."""
    cores = len(all_cores())
    return ahead(call, items, cores, room=2 * cores)
