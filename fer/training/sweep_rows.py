"""Returns the rows of a sweep's table: how each run stands, from the files in its folder."""

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from fer import run_folders, runs
from fer.console import duration, figure_text
from fer.containers import plain
from fer.monitor import mode_of
from fer.terminal import RUNNING, WAITING, Row


@dataclass
class State:
    """Where a run stands. started: when, by time.perf_counter; epochs: those that an earlier start has trained."""

    name: str = WAITING
    started: float = 0.0
    epochs: int = 0
    row: Row | None = None  # once it has ended


class SweepRows:
    """The rows of a sweep's table, a run each; calling it returns them as they stand.

    titles, names: the overrides in words and the folder of each run. The sweep sets `configs`, which hold the config of
    each run, once they are composed.
    """

    def __init__(self, titles: Sequence[str], names: Sequence[str]):
        self.titles, self.names = titles, names
        self.states = [State() for _ in titles]
        self.configs: Sequence[DictConfig] = []

    def begin(self, index: int) -> None:
        epochs = self.curve(index)[0] if self.configs else 0
        self.states[index] = State(RUNNING, time.perf_counter(), epochs)

    def end(self, index: int, state: str) -> None:
        """Keeps the last row of a run that is over; `state`: as the table names it."""
        row = self.row(index, state) if self.configs else None
        self.states[index] = State(state, row=row)

    def __call__(self) -> list[Row]:
        return [state.row or self.row(index, state.name) for index, state in enumerate(self.states)]

    def row(self, index: int, state: str) -> Row:
        """Returns the row of a run, by the curves in its folder."""
        planned, monitor = self.configs[index].trainer.max_epochs, str(self.configs[index].monitor)
        if state == WAITING:
            return Row(self.titles[index], state)
        epochs, best = self.curve(index)
        value = "" if best is None else figure_text(monitor, best)
        start, left = self.states[index], ""
        if state == RUNNING and epochs > start.epochs and planned and planned > 0:
            seconds = time.perf_counter() - start.started
            left = duration(seconds / (epochs - start.epochs) * (planned - epochs))
        return Row(self.titles[index], state, f"{epochs}/{planned}", value, left)

    def curve(self, index: int) -> tuple[int, float | None]:
        """Returns the epochs that a run has trained and the best value of its monitor; None before the first."""
        cfg = self.configs[index]
        return read_curve(newest(folder_of(cfg, self.names[index])), str(cfg.monitor))


def folder_of(cfg: DictConfig, name: str) -> Path:
    """Returns the folder that a run of a sweep takes: the typed `output_dir`, else by the sweep's folder and `name`."""
    if "run_name" in str(plain(cfg, resolve=False)["output_dir"]):
        return Path(cfg.hydra.sweep.dir) / name / f"seed-{cfg.seed}"
    return Path(cfg.output_dir)


def newest(folder: Path) -> Path:
    """Returns the last of `folder`, `folder-2` … that a run has taken."""
    return [folder, *run_folders.siblings(folder)][-1]


def drawn(folder: Path) -> bool:
    """Whether the pictures of a run are drawn."""
    return (folder / runs.RESULTS).exists()


def read_curve(folder: Path, monitor: str) -> tuple[int, float | None]:
    """Returns the number of epochs in a run's metrics.csv, and the best value of `monitor`; 0 and None without any."""
    epochs, values = 0, []
    try:
        with (folder / runs.HISTORY).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get(monitor):
                    values.append(float(row[monitor]))
                    epochs = int(row["epoch"]) + 1
    except (OSError, ValueError, KeyError, TypeError):  # a row that is being written, or a damaged file
        pass
    best = min if mode_of(monitor) == "min" else max
    return epochs, best(values, default=None)
