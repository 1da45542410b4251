"""Runs a sweep: checks every run first, isolates failures, and reports progress."""

import shlex
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from fer import config, naming, runs, validation
from fer.console import duration
from fer.counting import counted
from fer.errors import STOPPED, UserError
from fer.quoting import quoted
from fer.streams import READABLE
from fer.terminal import DONE, FAILED, INTERRUPTED, LiveTable, shows_table
from fer.training.children import last_line, log_file, run_in_children
from fer.training.sweep_rows import SweepRows, drawn, folder_of, newest
from fer.trust import option_for


class Sweep:
    """The runs of a sweep, one for each combination of overrides, and how many of them ended in which way.

    `launcher.jobs=1` runs them one after the other in this process; on a terminal, which shows a table of all runs,
    each writes its lines into a log file. More run at the same time in child processes, see `fer.training.children`;
    with `launcher.submit` they are jobs of SLURM, see `fer.training.slurm`. A failed run is counted and the others
    continue. As with `existing=continue`, runs that finished before are skipped and interrupted ones resumed; runs that
    diverged start again only with `retry=true`.

    context, task: Hydra's context and the function that trains. cfg: the config of the sweep, `hydra` included.
    jobs: the overrides of each run.
    """

    def __init__(self, context: Any, task: Any, cfg: DictConfig, jobs: Sequence[Sequence[str]]):
        self.context, self.task, self.cfg = context, task, cfg
        self.jobs = [list(overrides) for overrides in dict.fromkeys(map(tuple, jobs))]  # equal values count once
        self.names = naming.names(self.jobs)
        self.rows = SweepRows(list(map(self.title, self.jobs)), self.names)
        self.failed: dict[str, str] = {}  # title of a run -> its error
        self.done = self.running = self.interrupted = 0
        self.stopping = False
        self.lock = threading.Lock()
        self.started = time.perf_counter()
        self._rehearsed: set[str] = set()

    def run(self) -> list[JobReturn]:
        """Returns one result for each run, as Hydra expects.

        Raises UserError before the first run if any run has a bad option, and at the end if any run failed.
        """
        configs = [self.compose(overrides) for overrides in self.jobs]
        if not configs:
            raise UserError("an empty grid: no run to start; give every swept option a value")
        at_once = min(self.cfg.launcher.jobs, len(configs))
        self.started = time.perf_counter()
        how = "one after the other" if at_once == 1 else f"{at_once} at once"
        print(f"{counted(len(configs), 'run')}, {how}", flush=True)
        self.rows.configs = configs
        with LiveTable(self.rows, self.progress, str(configs[0].monitor), refresh_per_second=1):
            results = self._launch(configs, at_once)
        print("\n".join(self.closing(configs)), flush=True)
        if self.failed:
            title, error = next(iter(self.failed.items()))
            raise UserError(f"{len(self.failed)} of {counted(len(configs), 'run')} failed, the first: {title}: {error}")
        return results

    def closing(self, configs: list[DictConfig]) -> list[str]:
        """Returns the last lines: where the finished runs are, and the command that compares them."""
        if all(cfg.trainer.get("fast_dev_run") for cfg in configs):
            return [f"{counted(self.done, 'trial')} passed; no run is left"]
        study = shlex.join(["python", "-m", "fer.study", str(self.cfg.study)])
        return [
            *self.without_pictures(configs),
            f"wrote {self.cfg.hydra.sweep.dir}/: {counted(self.done, 'finished run')}",
            f"next: {study}    (a table over all its runs)",
        ]

    def without_pictures(self, configs: list[DictConfig]) -> list[str]:
        """Returns a line on the runs that left out their pictures, and the command that draws them."""
        folders = [newest(folder_of(cfg, name)) for cfg, name in zip(configs, self.names, strict=True)]
        folders = [folder for folder in folders if (folder / runs.PREDICTIONS).is_file() and not drawn(folder)]
        if not folders:
            return []
        record = runs.read_record(folders[-1])
        command = shlex.join(["python", "-m", "fer.evaluate", str(folders[-1])]) + option_for(record["config"])
        return [f"{counted(len(folders), 'run has', 'runs have')} no pictures yet; to draw those of one: {command}"]

    def _launch(self, configs: list[DictConfig], at_once: int) -> list[JobReturn]:
        if "submit" in self.cfg.launcher:
            from fer.training.slurm import submit  # needs the extra `slurm`

            return submit(self)
        if at_once == 1 and not any(map(is_distributed, configs)):
            from fer.data.cache import kept_in_memory

            with kept_in_memory():
                return [self.run_here(index, cfg) for index, cfg in enumerate(configs)]
        return run_in_children(self, at_once)

    def compose(self, overrides: list[str]) -> DictConfig:
        """Returns the config of one run, checked and rehearsed; UserError for a bad option."""
        try:
            cfg = self.context.config_loader.load_sweep_config(self.cfg, overrides)
            options = cfg.copy()
            with open_dict(options):
                del options["hydra"]
            validation.check(options)
            self.rehearse(options)
        except HydraException as error:
            reason = config.explain(error, "train", overrides)
            raise UserError(f"no run was started: {reason}{self.within(overrides)}") from error
        except UserError as error:
            raise UserError(f"no run was started: {error}{self.within(overrides)}") from error
        return cfg

    def within(self, overrides: list[str]) -> str:
        """Returns the run that a message is about, in brackets; "" where there is one run."""
        return f" (in the run {self.title(overrides)})" if len(self.jobs) > 1 else ""

    def rehearse(self, options: DictConfig) -> None:
        """Builds the parts of one run, unless another run has the same; see `fer.training.rehearsal`.

        The Trainer of a SLURM job is left to the job, since this machine may lack its GPU.
        """
        from fer.console import quieten  # these import torch, which the checks above need not wait for
        from fer.training.building import resolve_auto
        from fer.training.rehearsal import rehearse, rehearse_parts

        quieten()
        with open_dict(options):
            options.output_dir, options.seed = ".", 0
            del options["launcher"]
        text = OmegaConf.to_yaml(options, resolve=True)
        if text in self._rehearsed:
            return
        self._rehearsed.add(text)
        resolved = resolve_auto(options)
        if "submit" in self.cfg.launcher:
            rehearse_parts(resolved)
        else:
            rehearse(resolved)

    def title(self, overrides: list[str]) -> str:
        """Returns the overrides that not all runs share; "defaults" without any."""
        own = [part for part in overrides if any(part not in others for others in self.jobs)]
        return " ".join(own) or "defaults"

    def run_here(self, index: int, cfg: DictConfig) -> JobReturn:
        """Runs number `index` in this process."""
        with open_dict(cfg):
            cfg.hydra.job.id, cfg.hydra.job.num, cfg.existing = str(index), index, "continue"
            cfg.hydra.sweep.subdir = self.names[index]
        self.begin(index)
        log = log_file(self, index)
        try:
            with written_to(log) if shows_table() else nullcontext():
                result = run_job(self.task, cfg, "hydra.sweep.dir", None, self.context)
                if result.status == JobStatus.FAILED:
                    traceback.print_exception(result._return_value)
        except SystemExit as end:  # the run has printed its one-line message
            if end.code in STOPPED:
                self.stopping = True
                self.count(index, stopped=True)
                raise
            reason = f"{last_line(log)} (see {log})" if shows_table() else f"exit code {end.code}"
            return self.count(index, reason)
        if result.status == JobStatus.FAILED:
            error = result._return_value
            return self.count(index, f"{type(error).__name__}: {error}{f' (see {log})' if shows_table() else ''}")
        return self.count(index)

    def overrides(self, index: int) -> list[str]:
        """Returns the overrides of a run in another process, the name of its folder included."""
        subdir = f"hydra.sweep.subdir={quoted(self.names[index])}"
        return [*self.jobs[index], "existing=continue", subdir]

    def begin(self, index: int) -> None:
        """Counts a run that starts."""
        self.running += 1
        self.rows.begin(index)

    def count(self, index: int, error: str = "", stopped: bool = False) -> JobReturn:
        """Counts a run that finished, failed with `error` or was stopped; prints the progress; returns its result."""
        with self.lock:
            self.running -= 1
            if stopped:
                self.interrupted += 1
                self.rows.end(index, INTERRUPTED)
            elif error:
                self.failed[self.title(self.jobs[index])] = error
                self.rows.end(index, FAILED)
            else:
                self.done += 1
                self.rows.end(index, DONE)
            if not shows_table():  # whose title it is
                print(self.progress(), flush=True)
            elif error:
                print(f"{self.title(self.jobs[index])}: {error}", flush=True)
        result = JobReturn(overrides=self.jobs[index])
        result.return_value, result.status = None, JobStatus.COMPLETED
        return result

    def progress(self) -> str:
        """Returns one line: how many runs ended in which way, and the time left."""
        ended = self.done + len(self.failed)
        waiting = len(self.jobs) - ended - self.interrupted - self.running
        line = f"sweep: {self.done} done, {len(self.failed)} failed, "
        if self.interrupted:
            line += f"{self.interrupted} interrupted, "
        line += f"{self.running} running, {waiting} to go"
        if self.stopping:
            return f"{line}; the same command goes on"
        if ended and waiting + self.running:
            seconds = (time.perf_counter() - self.started) / ended * (waiting + self.running)
            line += f"; about {duration(seconds)} left"
        return line


@contextmanager
def written_to(log: Path) -> Iterator[None]:
    """Appends what the block prints to a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("a", encoding="utf-8", errors=READABLE, buffering=1) as file,
        redirect_stdout(file),
        redirect_stderr(file),
    ):
        yield


def is_distributed(cfg: DictConfig) -> bool:
    """Whether the run starts further processes. These repeat its command line and must not repeat the sweep's."""
    return cfg.trainer.devices not in (1, "1") or cfg.trainer.num_nodes > 1
