"""Times blocks of training steps, with warm-up and device synchronisation, and summarises the rounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Protocol

import pandas as pd
import torch

Clock = Callable[[], float]
"""Seconds since some moment."""

MOST = 2000  # steps a block


class Column(Protocol):
    """One way to train; `how` says its precision and the like."""

    how: str

    def block(self, warmup: int, steps: int) -> float:
        """Images/s over `steps` training steps that follow `warmup` untimed ones."""

    def close(self) -> None:
        """Ends what runs beside it."""


class Watch:
    """A clock that first waits until the device has done what it was asked for; one reading is one synchronisation."""

    def __init__(self, device: torch.device, clock: Clock = time.perf_counter):
        self.device, self.clock = device, clock

    def __call__(self) -> float:
        synchronise(self.device)
        return self.clock()


def synchronise(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def timed(train: Callable[[int], int], warmup: int, steps: int, watch: Clock) -> float:
    """Images/s of `train`, which does so many steps and returns how many images they saw; the warm-up is left out."""
    train(warmup)
    started = watch()
    images = train(steps)
    return images / (watch() - started)


def by_speed(columns: Sequence[Column], tries: int = 3, warmup: int = 2, steps: int = 3) -> list[tuple[Column, float]]:
    """The columns, fastest first, with the images/s of the fastest of `tries` short blocks, taken in turn."""
    laps = [[column.block(warmup, steps) for column in columns] for _ in range(tries)]
    return sorted(zip(columns, map(max, *laps), strict=True), key=lambda pair: pair[1], reverse=True)


def steps_for(seconds: float, steps_per_s: float, multiple: int) -> int:
    """How many steps last about so long: a multiple of what is logged every `multiple` steps, so that each block holds
    its share of logging."""
    return multiple * max(1, round(min(MOST, seconds * steps_per_s) / multiple))


def summarise(speeds: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """A row a column from its images/s in each round: the median, the median over rounds of the ratio to the ceiling of
    the same round, how far the farthest round lies from the median, the slowest, the fastest and all rounds.

    Ratios are taken within a round because its blocks follow each other: what slows the machine down for a while slows
    both.
    """
    rows = []
    for column, rounds in speeds.items():
        middle = median(rounds)
        ratio = median(own / top for own, top in zip(rounds, speeds["ceiling"], strict=True))
        spread = max(abs(speed - middle) for speed in rounds)
        row = {"column": column, "images_per_s": round(middle, 1), "ratio_to_ceiling": round(ratio, 3)}
        row |= {"spread": round(spread, 1), "slowest": round(min(rounds), 1), "fastest": round(max(rounds), 1)}
        rows.append(row | {"rounds": " ".join(f"{speed:.1f}" for speed in rounds)})
    return pd.DataFrame(rows)
