"""Measures one setting: a block of each loop in turn, for several rounds, in one process."""

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import lightning.pytorch as pl
import pandas as pd
from omegaconf import DictConfig

from fer.benchmarking import costs, setting, whole
from fer.benchmarking.loops import form
from fer.benchmarking.timing import Column, Watch, steps_for, summarise
from fer.console import duration
from fer.data.datamodule import FERDataModule
from fer.memory import keep_freed

COLUMNS = ("ceiling", "whole", "default", "keras")


@dataclass
class Measured:
    """A row a column (see `summarise`) with `how` it ran, the costs beside it, the data by name and its training
    images."""

    table: pd.DataFrame
    costs: costs.Costs
    data: str
    images: int


def measure(cfg: DictConfig, with_costs: bool = True) -> Measured:
    """Every column of `cfg.columns` in `cfg.rounds` rounds; then, if asked for, where the rest goes.

    Raises UserError for a config or data that cannot be measured.
    """
    keep_freed()
    cfg = setting.prepared(cfg)
    datamodule = setting.read(cfg)
    watch = Watch(setting.device(cfg))
    columns, speed = setting.ceilings(cfg, datamodule, watch)
    columns |= setting.others(cfg, datamodule, watch)
    steps = cfg.steps or steps_for(cfg.seconds, speed / cfg.data.batch_size, cfg.trainer.log_every_n_steps)
    print(announcement(cfg, columns, steps, speed), flush=True)
    with TemporaryDirectory() as folder:
        try:
            speeds, trainer = race(cfg, datamodule, columns, watch, steps, Path(folder))
        finally:
            for column in columns.values():
                column.close()
        beside = costs.peak_memory(watch.device) if with_costs else {}
        if trainer and with_costs:
            apart = costs.left_out(trainer, watch, Path(folder))
            beside = costs.parts_of_a_step(cfg, datamodule, watch, steps, Path(folder)) | apart | beside
    how = {name: column.how for name, column in columns.items()}
    how["whole"] = form(cfg.trainer.precision, cfg.channels_last)
    images = len(datamodule.splits["train"])
    return Measured(tabulated(speeds, how), beside, setting.name_of_data(datamodule), images)


def race(
    cfg: DictConfig, datamodule: FERDataModule, columns: Mapping[str, Column], watch: Watch, steps: int, folder: Path
) -> tuple[dict[str, list[float]], pl.Trainer | None]:
    """Images/s of each column in each round, and the trainer of the whole, if that is among `cfg.columns`.

    A fit cannot be left and entered again, so the whole is one fit over all rounds, and the other columns run their
    blocks in its pauses.
    """
    speeds: dict[str, list[float]] = defaultdict(list)
    heard = sys.stdout  # which is another one within the fit

    def a_block_each() -> None:
        for name, column in columns.items():
            speeds[name].append(column.block(cfg.warmup_steps, steps))
        done = len(next(iter(speeds.values())))
        latest = ", ".join(f"{name} {speed[-1]:,.0f}" for name, speed in speeds.items())
        print(f"round {done} of {cfg.rounds}: {latest} images/s", file=heard, flush=True)

    if "whole" not in cfg.columns:
        for _ in range(cfg.rounds):
            a_block_each()
        return speeds, None
    blocks = whole.Blocks(cfg.rounds, cfg.warmup_steps, steps, watch, a_block_each)
    trainer = whole.fit(cfg, datamodule, blocks, folder)
    return {**speeds, "whole": blocks.speeds}, trainer


def announcement(cfg: DictConfig, columns: Mapping[str, Column], steps: int, speed: float) -> str:
    names = [*columns, *(["whole"] if "whole" in cfg.columns else [])]
    images = cfg.rounds * (cfg.warmup_steps + steps) * cfg.data.batch_size * len(names)
    each = f"{cfg.warmup_steps} untimed and {steps} timed steps"
    return f"{cfg.rounds} rounds of {each} of {'; '.join(names)} ({duration(images / speed)} or more)"


def tabulated(speeds: Mapping[str, Sequence[float]], how: Mapping[str, str]) -> pd.DataFrame:
    """`summarise` with `how` each column ran; of a column that ran in several ways, keys such as "ceiling: …", the way
    with the fastest median counts, and the others are named with theirs."""
    chosen, notes = {}, {}
    for column in COLUMNS:
        ways = [way for way in speeds if way.partition(":")[0] == column]
        ways.sort(key=lambda way: median(speeds[way]), reverse=True)
        if ways:
            others = "; ".join(f"{how[way]}: {median(speeds[way]):,.0f}" for way in ways[1:])
            chosen[column] = speeds[ways[0]]
            notes[column] = how[ways[0]] + f" ({others})" * bool(others)
    return summarise(chosen).assign(how=list(notes.values()))
