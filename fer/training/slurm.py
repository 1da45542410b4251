"""Submits the runs of a sweep as SLURM jobs, with hydra-submitit-launcher and submitit."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from fer.errors import Interrupted, UserError
from fer.training import lifeline
from fer.training.lifeline import Lifeline

LOOK = 1.0  # seconds between looks at the jobs
STOPPING = 120  # seconds that jobs have to save when the sweep is stopped


class Attempt:
    """The task of a job: the run's own, whose exit code becomes an answer; else submitit would miss a result."""

    def __init__(self, task: Any):
        self.task = task

    def __call__(self, cfg: DictConfig) -> str:
        """What went wrong, or nothing."""
        lifeline.watch()
        try:
            self.task(cfg)
        except SystemExit as ended:  # its one-line message is in the job's log
            return f"exit code {ended.code}" if ended.code else ""
        except Interrupted as stopped:
            return str(stopped)
        return ""


def submitted(sweep: Any) -> list[JobReturn]:
    """Runs the jobs of a fer.training.sweep.Sweep, `launcher.jobs` at once; each is counted when it ends.

    Jobs on this machine end with the sweep, those of a queue go on without it.
    """
    launcher = instantiate(sweep.cfg.launcher.submit)
    launcher.setup(hydra_context=sweep.context, task_function=Attempt(sweep.task), config=sweep.cfg)
    executor = prepared(launcher, sweep.cfg.launcher.jobs)
    if launcher._EXECUTOR == "local":
        with Lifeline() as line, patched(line.environment):
            return in_parts(sweep, launcher, executor)
    return in_parts(sweep, launcher, executor)


@contextmanager
def patched(environment: dict[str, str]) -> Iterator[None]:
    """The environment of this process, and of those that it starts, with these variables."""
    os.environ.update(environment)
    try:
        yield
    finally:
        for name in environment:
            os.environ.pop(name, None)


def in_parts(sweep: Any, launcher: Any, executor: Any) -> list[JobReturn]:
    """Submits the jobs, as many at once as the launcher takes, and waits for them."""
    results = []
    for part in parts(launcher, list(range(len(sweep.jobs))), sweep.cfg.launcher.jobs):
        arguments = [argument(sweep.overrides(index), index) for index in part]
        waiting = dict(zip(part, executor.map_array(launcher, *zip(*arguments, strict=True)), strict=True))
        sweep.running = len(waiting)
        try:
            results += list(ended(sweep, waiting))
        except Interrupted:
            sweep.stopping = True
            cancel(list(waiting.values()))
            for index, job in waiting.items():
                sweep.count(index, stopped=not job.done() or bool(complaint(job)))
            raise
    return results


def prepared(launcher: Any, at_once: int) -> Any:
    """submitit's executor with the launcher's resources; UserError where there is no SLURM."""
    import submitit
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf

    cluster, options = launcher._EXECUTOR, dict(launcher.params)
    first = {"folder": options.pop("submitit_folder")}
    if "max_num_timeout" in options:
        first[f"{cluster}_max_num_timeout"] = options.pop("max_num_timeout")
    if "array_parallelism" in options:
        options["array_parallelism"] = at_once
    try:
        executor = submitit.AutoExecutor(cluster=cluster, **first)
    except RuntimeError as error:
        fix = "start on a login node, or try launcher=slurm_local"
        raise UserError(f"launcher=slurm: no SLURM here ({error}); {fix}") from error
    shared = OmegaConf.structured(BaseQueueConf)
    executor.update_parameters(**{k if k in shared else f"{cluster}_{k}": v for k, v in options.items()})
    return executor


def parts(launcher: Any, indices: list[int], at_once: int) -> list[list[int]]:
    """All as one array of jobs where a queue holds them back, else so many at a time."""
    if "array_parallelism" in launcher.params:
        return [indices]
    return [indices[start : start + at_once] for start in range(0, len(indices), at_once)]


def argument(overrides: list[str], index: int) -> tuple[Any, ...]:
    """What the plugin's job takes: overrides, where Hydra finds the folder, number, name, Hydra's state."""
    return overrides, "hydra.sweep.dir", index, f"job_{index}", Singleton.get_state()


def ended(sweep: Any, waiting: dict[int, Any]) -> Iterator[JobReturn]:
    """Counts each job when it ends, until none is left."""
    while waiting:
        time.sleep(LOOK)
        for index, job in list(waiting.items()):
            if job.done():
                del waiting[index]
                yield sweep.count(index, complaint(job))


def complaint(job: Any) -> str:
    """Why a run failed and where its log is; nothing where it did not."""
    try:
        done = job.results()[0]
        error = done.return_value  # raises what the run raised
    except Exception as failure:
        error = f"{type(failure).__name__}: {(str(failure).strip() or 'killed').splitlines()[0]}"
    if not error:
        return ""
    log = job.paths.stderr if job.paths.stderr.exists() else job.paths.stdout
    lines = log.read_text(errors="replace", encoding="utf-8").splitlines() if log.exists() else []
    said = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"{said[-1] if said else error} (see {log})"


def cancel(jobs: list[Any]) -> None:
    """Asks the jobs to save and end, and waits for them."""
    for job in jobs:
        job.cancel(check=False)
    end = time.time() + STOPPING
    while time.time() < end and not all(job.done() for job in jobs):
        time.sleep(LOOK / 5)
