"""Times blocks of training steps, with warm-up and device synchronisation, and summarises the rounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Protocol

import pandas as pd
import torch

Clock = Callable[[], float]
"""Seconds since some moment."""

MAX_STEPS = 2000
"""Steps of a block at most."""


class Column(Protocol):
    """A training loop to time; `how` describes it, such as by its precision."""

    how: str

    def block(self, warmup: int, steps: int) -> float:
        """Returns images/s over `steps` training steps after `warmup` untimed ones."""
        ...

    def close(self) -> None:
        """Ends the loop's other processes."""


class DeviceClock:
    """A clock that synchronises with the device before each reading."""

    def __init__(self, device: torch.device, clock: Clock = time.perf_counter):
        self.device, self.clock = device, clock

    def __call__(self) -> float:
        synchronise(self.device)
        return self.clock()


def synchronise(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def timed(train: Callable[[int], int], warmup: int, steps: int, clock: Clock) -> float:
    """Returns images/s of `train` without the warm-up; `train(n)` trains n steps and returns the number of images."""
    train(warmup)
    start = clock()
    images = train(steps)
    return images / (clock() - start)


def by_speed(columns: Sequence[Column], tries: int = 3, warmup: int = 2, steps: int = 3) -> list[tuple[Column, float]]:
    """Returns the columns, fastest first, with images/s of the fastest of `tries` short blocks, taken in turn."""
    speeds_by_try = [[column.block(warmup, steps) for column in columns] for _ in range(tries)]
    return sorted(zip(columns, map(max, *speeds_by_try), strict=True), key=lambda pair: pair[1], reverse=True)


def steps_for(seconds: float, steps_per_s: float, multiple: int) -> int:
    """Returns how many steps last about `seconds`, as a multiple of `multiple`, the interval of logging.

    Each block thus holds its share of logging.
    """
    return multiple * max(1, round(min(MAX_STEPS, seconds * steps_per_s) / multiple))


def summarise(speeds: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Returns a row for each column from its images/s in each round.

    A row holds the median, the median over rounds of the ratio to the ceiling of the same round, the distance of the
    farthest round from the median (spread), the slowest, the fastest and all rounds.

    Ratios are taken within a round because its blocks follow each other: what slows the machine down for a while slows
    both.
    """
    rows = []
    for column, rounds in speeds.items():
        middle = median(rounds)
        ratio = median(own / ceiling for own, ceiling in zip(rounds, speeds["ceiling"], strict=True))
        spread = max(abs(speed - middle) for speed in rounds)
        row = {"column": column, "images_per_s": round(middle, 1), "ratio_to_ceiling": round(ratio, 3)}
        row |= {"spread": round(spread, 1), "slowest": round(min(rounds), 1), "fastest": round(max(rounds), 1)}
        rows.append(row | {"rounds": " ".join(f"{speed:.1f}" for speed in rounds)})
    return pd.DataFrame(rows)
