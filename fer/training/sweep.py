"""Runs a sweep: checks all runs first, isolates failures, and summarises at the end."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from fer import commandline, config, naming
from fer.console import counted, duration
from fer.errors import SIGNALS, Interrupted, UserError
from fer.training.lifeline import Lifeline

STOPPED = tuple(128 + number for number in SIGNALS)
"""Exit codes of a run that was asked to stop."""
APART: dict[str, Any] = {"start_new_session": True}
if os.name == "nt":
    APART = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
"""Options of child processes that Ctrl-C reaches through their parent and once only."""


class Sweep:
    """Runs the combinations of overrides that Hydra's sweeper found.

    `launcher.jobs` 1 runs them in this process, more runs that many at once, each in a child process with its share of
    the cores or with a GPU of `launcher.gpus`; with `launcher.submit` they are jobs of a queue. A run that fails is
    counted and the rest go on; UserError at the end says how many failed. Runs that finished before are skipped and
    interrupted ones resumed, as `existing=continue` says; failed ones are run again with `retry=true` only if they
    diverged.
    """

    def __init__(self, context: Any, task: Any, cfg: DictConfig, jobs: Sequence[Sequence[str]]):
        self.context, self.task, self.cfg = context, task, cfg
        self.jobs = [list(overrides) for overrides in jobs]
        self.names = naming.names(self.jobs)
        self.failed: dict[str, str] = {}
        self.done = self.running = self.interrupted = 0
        self.rehearsed: set[str] = set()
        self.stopping = False
        self.children: set[subprocess.Popen] = set()
        self.lock = threading.Lock()

    def run(self) -> list[JobReturn]:
        """What Hydra wants to hear of each run. Raises UserError before the first run for a bad one."""
        configs = [self.composed(overrides) for overrides in self.jobs]
        if not configs:
            raise UserError("an empty grid: no run to start; give every swept option a value")
        self.started = time.perf_counter()
        at_once = min(self.cfg.launcher.jobs, len(configs))
        print(f"{len(configs)} runs, {'one after the other' if at_once == 1 else f'{at_once} at once'}", flush=True)
        if "submit" in self.cfg.launcher:
            from fer.training.slurm import submitted

            results = submitted(self)
        elif at_once == 1 and not any(map(distributed, configs)):
            results = [self.here(index, cfg) for index, cfg in enumerate(configs)]
        else:
            results = self.apart(at_once)
        print(f"wrote {self.cfg.hydra.sweep.dir}/: {counted(self.done, 'finished run')}", flush=True)
        following = shlex.join(["python", "-m", "fer.study", str(self.cfg.study)])
        print(f"next: {following}    (a table over all its runs)", flush=True)
        if self.failed:
            first = next(iter(self.failed.items()))
            raise UserError(f"{len(self.failed)} of {len(configs)} runs failed, the first: {': '.join(first)}")
        return results

    def composed(self, overrides: list[str]) -> DictConfig:
        """The config of one run, checked."""
        try:
            cfg = self.context.config_loader.load_sweep_config(self.cfg, overrides)
        except HydraException as error:
            explained = config.explain(error, "train", overrides)
            raise UserError(f"no run was started: {explained} (in the run {self.title(overrides)})") from error
        options = cfg.copy()
        with open_dict(options):
            del options["hydra"]
        try:
            config.check(options)
            self.rehearse(options)
        except UserError as error:
            raise UserError(f"no run was started: {error} (in the run {self.title(overrides)})") from error
        return cfg

    def rehearse(self, options: DictConfig) -> None:
        """Builds the parts of one run, unless another run has the same; see `fer.training.rehearsal`.

        The Trainer of a job is built where the job runs: this machine may lack its GPU.
        """
        from fer.console import quieten
        from fer.training.building import resolve_auto
        from fer.training.rehearsal import rehearse, rehearse_parts

        quieten()
        with open_dict(options):
            options.output_dir, options.seed = ".", 0
            del options["launcher"]
        known = OmegaConf.to_yaml(options, resolve=True)
        if known not in self.rehearsed:
            self.rehearsed.add(known)
            options = resolve_auto(options)
            if "submit" in self.cfg.launcher:
                rehearse_parts(options)
            else:
                rehearse(options)

    def title(self, overrides: list[str]) -> str:
        """What tells this run from the others."""
        return " ".join(part for part in overrides if any(part not in others for others in self.jobs)) or "defaults"

    def here(self, index: int, cfg: DictConfig) -> JobReturn:
        """One run in this process."""
        with open_dict(cfg):
            cfg.hydra.job.id, cfg.hydra.job.num, cfg.existing = str(index), index, "continue"
            cfg.hydra.sweep.subdir = self.names[index]
        self.running = 1
        try:
            done = run_job(self.task, cfg, "hydra.sweep.dir", None, self.context)
        except SystemExit as ended:  # its one-line message is on the screen
            if ended.code in STOPPED:
                self.stopping = True
                self.count(index, stopped=True)
                raise
            return self.count(index, f"exit code {ended.code}")
        if done.status == JobStatus.FAILED:
            error = done._return_value
            traceback.print_exception(error)
            return self.count(index, f"{type(error).__name__}: {error}")
        return self.count(index)

    def apart(self, at_once: int) -> list[JobReturn]:
        """All runs in child processes, `at_once` at a time; a signal stops them all."""
        slots = list(range(at_once))
        with Lifeline() as self.lifeline, ThreadPoolExecutor(at_once) as pool:
            try:
                futures = [pool.submit(self.child, index, slots) for index in range(len(self.jobs))]
                return [future.result() for future in futures]
            except Interrupted:
                self.stop(pool)
                raise

    def stop(self, pool: ThreadPoolExecutor) -> None:
        """Makes the children save and end. A second signal ends them at once, a third one kills them."""
        self.stopping = True
        asked = 0

        def ask(*_: Any) -> None:
            nonlocal asked
            asked += 1
            for process in list(self.children):
                if asked > 2:
                    process.kill()
                elif os.name == "nt":
                    self.lifeline.let_go()  # there a signal would end them before they have saved
                else:
                    process.terminate()

        replaced = {number: signal.signal(number, ask) for number in SIGNALS}
        try:
            ask()
            pool.shutdown(wait=True, cancel_futures=True)
        finally:
            for number, handler in replaced.items():
                signal.signal(number, handler)

    def child(self, index: int, slots: list[int]) -> JobReturn | None:
        """One run in a process of its own, its lines in a log file; nothing while the sweep stops."""
        with self.lock:
            if self.stopping:
                return None
            slot = slots.pop()
            self.running += 1
        log = self.log(index)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "fer.train", *self.folders(), *self.overrides(index)]
        environment = self.environment(slot) | self.lifeline.environment
        pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        with log.open("a", encoding="utf-8") as file:
            process = subprocess.Popen(command, env=environment, stdout=file, **pipes, **APART)
            self.children.add(process)
            if self.stopping:
                process.terminate()
            code = process.wait()
        self.children.discard(process)
        slots.append(slot)
        if code in STOPPED or (code < 0 and self.stopping):
            return self.count(index, stopped=True)
        return self.count(index, f"{last_line(log)} (exit code {code}, see {log})" if code else "")

    def log(self, index: int) -> Path:
        """Where a child writes its lines."""
        seeds = [part.partition("=")[2] for part in self.jobs[index] if part.startswith("seed=")]
        return Path(self.cfg.hydra.sweep.dir) / "logs" / f"{'-seed-'.join([self.names[index], *seeds[-1:]])}.log"

    def folders(self) -> list[str]:
        """The option that gives a child the folder of own configs."""
        folder = config.config_dir(self.cfg.hydra)
        return [f"--config-dir={folder}"] if folder else []

    def overrides(self, index: int) -> list[str]:
        """What a run in another process is started with: its overrides and the name that the sweep gives it."""
        subdir = f"hydra.sweep.subdir={commandline.quoted(self.names[index])}"
        return [*self.jobs[index], "existing=continue", subdir]

    def environment(self, slot: int) -> dict[str, str]:
        """Of the child in a slot: its share of the cores, or its GPU."""
        return share(slot, self.cfg.launcher.jobs, self.cfg.launcher.gpus)

    def count(self, index: int, error: str = "", stopped: bool = False) -> JobReturn:
        """Counts a run that ended, failed with `error` or was stopped, and says how the sweep stands."""
        with self.lock:
            self.running -= 1
            if stopped:
                self.interrupted += 1
            elif error:
                self.failed[self.title(self.jobs[index])] = error
            else:
                self.done += 1
            print(self.standing(), flush=True)
        result = JobReturn(overrides=self.jobs[index])
        result.return_value, result.status = None, JobStatus.COMPLETED
        return result

    def standing(self) -> str:
        """One line: how many runs ended in which way, and how long the rest will take."""
        ended = self.done + len(self.failed)
        rest = len(self.jobs) - ended - self.interrupted - self.running
        line = f"sweep: {self.done} done, {len(self.failed)} failed, "
        if self.interrupted:
            line += f"{self.interrupted} interrupted, "
        line += f"{self.running} running, {rest} to go"
        if self.stopping:
            return f"{line}; the same command goes on"
        if ended:
            seconds = (time.perf_counter() - self.started) / ended * (rest + self.running)
            line += f"; about {duration(seconds)} left"
        return line


def share(slot: int, jobs: int, gpus: Sequence[int] | None) -> dict[str, str]:
    """The environment of number `slot` of the `jobs` processes that share this machine: a GPU, or cores of it."""
    environment = config.child_environment() | {"PYTHONIOENCODING": "utf-8"}  # what they say goes into a log file
    if gpus:
        return environment | {"CUDA_VISIBLE_DEVICES": str(gpus[slot % len(gpus)])}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return environment | {"OMP_NUM_THREADS": str(max(1, cores // jobs))}


def last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace", encoding="utf-8").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "no output"


def distributed(cfg: DictConfig) -> bool:
    """Whether the run starts further processes, which repeat its command line and must not repeat the sweep's."""
    return cfg.trainer.devices not in (1, "1") or cfg.trainer.num_nodes > 1
