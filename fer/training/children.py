"""Runs a sweep in child processes, several at once, each with its share of the cores or with a GPU."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn

from fer import config
from fer.errors import SIGNALS, STOPPED, Interrupted
from fer.threads import all_cores
from fer.training.lifeline import Lifeline

if TYPE_CHECKING:
    from fer.training.sweep import Sweep

NEW_GROUP: dict[str, Any] = {"start_new_session": True}
if os.name == "nt":
    NEW_GROUP = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
"""Options of Popen that keep Ctrl-C in the terminal from reaching the children directly."""


def run_in_children(sweep: "Sweep", at_once: int) -> list[JobReturn]:
    """Runs all jobs of the sweep, `at_once` at a time. A signal makes all children save and end."""
    with Lifeline() as lifeline:
        return Children(sweep, at_once, lifeline).run()


class Children:
    """The child processes of a sweep. Each takes one of the slots 0, 1, … while it runs."""

    def __init__(self, sweep: "Sweep", at_once: int, lifeline: Lifeline):
        self.sweep, self.at_once, self.lifeline = sweep, at_once, lifeline
        self.slots = list(range(at_once))
        self.processes: set[subprocess.Popen] = set()

    def run(self) -> list[JobReturn]:
        with ThreadPoolExecutor(len(self.slots)) as pool:
            try:
                futures = [pool.submit(self.run_child, index) for index in range(len(self.sweep.jobs))]
                return [job for future in futures if (job := future.result())]
            except Interrupted:
                self.stop(pool)
                raise

    def run_child(self, index: int) -> JobReturn | None:
        """Runs one job to its end, its output in a log file; None where the sweep is stopping."""
        sweep = self.sweep
        with sweep.lock:
            if sweep.stopping:
                return None
            slot = self.slots.pop()
            sweep.begin(index)
        log = log_file(sweep, index)
        code = self.execute(index, slot, log)
        self.slots.append(slot)
        if code in STOPPED or (code < 0 and sweep.stopping):
            return sweep.count(index, stopped=True)
        error = f"{last_line(log)} (exit code {code}, see {log})" if code else ""
        return sweep.count(index, error)

    def execute(self, index: int, slot: int, log: Path) -> int:
        """Starts the process, waits for its end and returns its exit code."""
        launcher = self.sweep.cfg.launcher
        folder = config.config_dir(self.sweep.cfg.hydra)
        own_configs = [f"--config-dir={folder}"] if folder else []
        command = [sys.executable, "-m", "fer.train", *own_configs, *self.sweep.overrides(index)]
        environment = share(slot, self.at_once, launcher.gpus) | self.lifeline.environment
        pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT}
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            process = subprocess.Popen(command, env=environment, stdout=file, **pipes, **NEW_GROUP)
            pin(process.pid, slot, self.at_once, launcher.gpus)
            self.processes.add(process)
            if self.sweep.stopping:
                process.terminate()
            code = process.wait()
        self.processes.discard(process)
        return code

    def stop(self, pool: ThreadPoolExecutor) -> None:
        """Makes the children save and end. A second signal ends them at once, a third one kills them."""
        self.sweep.stopping = True
        signals = 0

        def forward(*_: Any) -> None:
            nonlocal signals
            signals += 1
            for process in list(self.processes):
                if signals > 2:
                    process.kill()
                elif os.name == "nt":
                    self.lifeline.let_go()  # on Windows, terminate() would end them before they have saved
                else:
                    process.terminate()

        handlers = {number: signal.signal(number, forward) for number in SIGNALS}
        try:
            forward()
            pool.shutdown(wait=True, cancel_futures=True)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def log_file(sweep: "Sweep", index: int) -> Path:
    """Returns the file for the output of a run, named after it and its seed."""
    seeds = [part.partition("=")[2] for part in sweep.jobs[index] if part.startswith("seed=")]
    name = "-seed-".join([sweep.names[index], *seeds[-1:]])
    return Path(sweep.cfg.hydra.sweep.dir) / "logs" / f"{name}.log"


def last_line(log: Path) -> str:
    """Returns the last line that is not empty, without "error: "."""
    lines = [line for line in log.read_text(errors="replace", encoding="utf-8").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ") if lines else "no output"


def share(slot: int, jobs: int, gpus: Sequence[int] | None) -> dict[str, str]:
    """Returns the environment of the process in a slot, one of `jobs` on this machine: with a GPU, or some cores."""
    environment = config.child_environment() | {"PYTHONIOENCODING": "utf-8"}  # the output goes into a log file
    if gpus:
        return environment | {"CUDA_VISIBLE_DEVICES": str(gpus[slot % len(gpus)])}
    return environment | {"OMP_NUM_THREADS": str(len(cores_of(slot, jobs, all_cores())))}


def pin(pid: int, slot: int, jobs: int, gpus: Sequence[int] | None) -> None:
    """Pins the process in a slot to its share of the cores, if the system can. With GPUs, it may use all cores.

    Threads that share a core wait for each other at every barrier of OpenMP.
    """
    if hasattr(os, "sched_setaffinity") and not gpus:
        with suppress(OSError):  # the process has ended, or the system forbids it
            os.sched_setaffinity(pid, cores_of(slot, jobs, all_cores()))


def cores_of(slot: int, jobs: int, cores: Sequence[int]) -> list[int]:
    """Returns the cores of one of `jobs` slots: equal shares, or one core that several slots take in turn."""
    share = max(1, len(cores) // jobs)
    first = slot * share % len(cores)
    return list(cores[first : first + share])
