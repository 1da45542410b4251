"""Measures one setting: in each round a block of every column in turn, in one process."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import lightning.pytorch as pl
import pandas as pd
from omegaconf import DictConfig

from fer.benchmarking import COLUMNS, costs, lightning_fit, preparation
from fer.benchmarking.loops import format_name
from fer.benchmarking.timing import Column, DeviceClock, steps_for, summarise
from fer.console import duration
from fer.data.datamodule import FERDataModule
from fer.memory import keep_freed


@dataclass
class Measurement:
    """Result of `measure`.

    table: see `tabulate`. costs: see `fer.benchmarking.costs`. data: the name of the data. images: of its training
    split.
    """

    table: pd.DataFrame
    costs: costs.Costs
    data: str
    images: int


def measure(cfg: DictConfig, with_costs: bool = True) -> Measurement:
    """Times every column of `cfg.columns` in `cfg.rounds` rounds; `with_costs` adds the parts of a step and the rest.

    Raises UserError for a config or data that cannot be measured.
    """
    keep_freed()
    cfg = preparation.prepare(cfg)
    datamodule = preparation.read_data(cfg)
    clock = DeviceClock(preparation.device(cfg))
    columns, speed = preparation.ceilings(cfg, datamodule, clock)
    columns |= preparation.other_columns(cfg, datamodule, clock)
    steps = cfg.steps or steps_for(cfg.seconds, speed / cfg.data.batch_size, cfg.trainer.log_every_n_steps)
    print(announcement(cfg, columns, steps, speed), flush=True)
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            speeds, trainer = run_rounds(cfg, datamodule, columns, clock, steps, folder)
        finally:
            for column in columns.values():
                column.close()
        measured_costs = all_costs(cfg, datamodule, trainer, clock, steps, folder) if with_costs else {}
    formats = {name: column.how for name, column in columns.items()}
    formats["whole"] = format_name(cfg.trainer.precision, cfg.channels_last)
    images = len(datamodule.splits["train"])
    return Measurement(tabulate(speeds, formats), measured_costs, preparation.data_name(datamodule), images)


def all_costs(
    cfg: DictConfig,
    datamodule: FERDataModule,
    trainer: pl.Trainer | None,
    clock: DeviceClock,
    steps: int,
    folder: Path,
) -> costs.Costs:
    """Measures the costs; without a trainer only the peak memory.

    trainer: of the column "whole", after its fit.
    """
    memory = costs.peak_memory(clock.device)  # before the second fit below
    if trainer is None:
        return memory
    outside = costs.outside_of_steps(trainer, datamodule, clock, folder)
    return costs.parts_of_a_step(cfg, datamodule, clock, steps, folder) | outside | memory


class Rounds:
    """Times a block of each column in each round and prints a line for each round.

    speeds: images/s of each column in each round.
    """

    def __init__(self, columns: Mapping[str, Column], rounds: int, warmup: int, steps: int):
        self.columns, self.rounds, self.warmup, self.steps = columns, rounds, warmup, steps
        self.speeds: dict[str, list[float]] = {name: [] for name in columns}
        self.done = 0
        self.stdout = sys.stdout  # a fit, from which a round may be run, redirects sys.stdout

    def run_round(self) -> None:
        for name, column in self.columns.items():
            self.speeds[name].append(column.block(self.warmup, self.steps))
        self.done += 1
        latest = ", ".join(f"{name} {speeds[-1]:,.0f}" for name, speeds in self.speeds.items())
        print(f"round {self.done} of {self.rounds}: {latest} images/s", file=self.stdout, flush=True)


def run_rounds(
    cfg: DictConfig,
    datamodule: FERDataModule,
    columns: Mapping[str, Column],
    clock: DeviceClock,
    steps: int,
    folder: Path,
) -> tuple[dict[str, list[float]], pl.Trainer | None]:
    """Returns images/s of each column in each round, and the trainer of the whole, if that is among `cfg.columns`.

    Lightning cannot pause a fit and continue it. The whole is therefore one fit over all rounds, whose callback runs
    the blocks of the other columns before each block of the fit.
    """
    rounds = Rounds(columns, cfg.rounds, cfg.warmup_steps, steps)
    if "whole" not in cfg.columns:
        for _ in range(cfg.rounds):
            rounds.run_round()
        return rounds.speeds, None
    timer = lightning_fit.BlockTimer(cfg.rounds, cfg.warmup_steps, steps, clock, before_block=rounds.run_round)
    trainer = lightning_fit.fit(cfg, datamodule, timer, folder)
    return {**rounds.speeds, "whole": timer.speeds}, trainer


def announcement(cfg: DictConfig, columns: Mapping[str, Column], steps: int, speed: float) -> str:
    """Returns the line on what will be timed and how long that takes at `speed` images/s."""
    names = list(columns)
    if "whole" in cfg.columns:
        names.append("whole")
    images = cfg.rounds * (cfg.warmup_steps + steps) * cfg.data.batch_size * len(names)
    block = f"{cfg.warmup_steps} untimed and {steps} timed steps"
    return f"{cfg.rounds} rounds of {block} of {'; '.join(names)} ({duration(images / speed)} or more)"


def tabulate(speeds: Mapping[str, Sequence[float]], formats: Mapping[str, str]) -> pd.DataFrame:
    """Returns `summarise` with a column `how` that holds the format of each column of the benchmark.

    A column may have run in several variants, with keys such as "ceiling: …". The one with the fastest median counts;
    `how` names the others with their medians.
    """
    fastest, notes = {}, []
    for column in COLUMNS:
        variants = [name for name in speeds if name.partition(":")[0] == column]
        variants.sort(key=lambda name: median(speeds[name]), reverse=True)
        if not variants:
            continue
        best, *slower = variants
        note = formats[best]
        if slower:
            others = "; ".join(f"{formats[name]}: {median(speeds[name]):,.0f}" for name in slower)
            note += f" ({others})"
        fastest[column] = speeds[best]
        notes.append(note)
    return summarise(fastest).assign(how=notes)
