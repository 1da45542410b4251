"""Submits the runs of a sweep as SLURM jobs, with hydra-submitit-launcher and submitit."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from fer.errors import Interrupted, UserError
from fer.training import lifeline
from fer.training.lifeline import Lifeline

if TYPE_CHECKING:
    from fer.training.sweep import Sweep

POLL_SECONDS = 1.0
"""Time between two looks at the state of the jobs."""
STOP_SECONDS = 120
"""Time that jobs have to save their state when the sweep is stopped."""


class Attempt:
    """The function of a job. It trains, and returns the error as text, since submitit loses exit codes."""

    def __init__(self, task: Any):
        self.task = task

    def __call__(self, cfg: DictConfig) -> str:
        """Returns the error, or an empty string."""
        lifeline.watch()
        try:
            self.task(cfg)
        except SystemExit as end:  # the run's one-line message is in the job's log
            return f"exit code {end.code}" if end.code else ""
        except Interrupted as stopped:
            return str(stopped)
        return ""


def submit(sweep: "Sweep") -> list[JobReturn]:
    """Runs the jobs of a sweep, `launcher.jobs` at once, and counts each one when it ends.

    Jobs on this machine end with the sweep; jobs in a queue continue without it.
    """
    launcher = instantiate(sweep.cfg.launcher.submit)
    launcher.setup(hydra_context=sweep.context, task_function=Attempt(sweep.task), config=sweep.cfg)
    executor = make_executor(launcher, sweep.cfg.launcher.jobs)
    if launcher._EXECUTOR == "local":
        with Lifeline() as line, environment(line.environment):
            return submit_in_batches(sweep, launcher, executor)
    return submit_in_batches(sweep, launcher, executor)


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Sets environment variables of this process, which its children inherit, during the block."""
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)


def submit_in_batches(sweep: "Sweep", launcher: Any, executor: Any) -> list[JobReturn]:
    """Submits as many jobs at once as the launcher takes, waits for them, and submits the next ones."""
    results = []
    for batch in batches(launcher, list(range(len(sweep.jobs))), sweep.cfg.launcher.jobs):
        arguments = [job_arguments(sweep.overrides(index), index) for index in batch]
        jobs = dict(zip(batch, executor.map_array(launcher, *zip(*arguments, strict=True)), strict=True))
        for index in jobs:
            sweep.begin(index)
        try:
            results += list(wait(sweep, jobs))
        except Interrupted:
            sweep.stopping = True
            cancel(list(jobs.values()))
            for index, job in jobs.items():
                sweep.count(index, stopped=not job.done() or bool(error_of(job)))
            raise
    return results


def make_executor(launcher: Any, at_once: int) -> Any:
    """Returns submitit's executor with the launcher's resources; UserError where there is no SLURM."""
    import submitit  # of the extra `slurm`
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
    executor.update_parameters(
        **{name if name in shared else f"{cluster}_{name}": value for name, value in options.items()}
    )
    return executor


def batches(launcher: Any, indices: list[int], at_once: int) -> list[list[int]]:
    """Returns all jobs as one array where the queue limits how many run, else lists of `at_once` jobs."""
    if "array_parallelism" in launcher.params:
        return [indices]
    return [indices[start : start + at_once] for start in range(0, len(indices), at_once)]


def job_arguments(overrides: list[str], index: int) -> tuple[Any, ...]:
    """Returns the arguments of the plugin's job: overrides, the option with the folder, number, name, Hydra's state."""
    return overrides, "hydra.sweep.dir", index, f"job_{index}", Singleton.get_state()


def wait(sweep: "Sweep", jobs: dict[int, Any]) -> Iterator[JobReturn]:
    """Counts each job when it ends and removes it from `jobs`, until none is left."""
    while jobs:
        time.sleep(POLL_SECONDS)
        for index, job in list(jobs.items()):
            if job.done():
                del jobs[index]
                yield sweep.count(index, error_of(job))


def error_of(job: Any) -> str:
    """Returns why a job failed and where its log is; an empty string if it did not fail."""
    try:
        result = job.results()[0]
        error = result.return_value  # raises what the run raised
    except Exception as failure:
        error = f"{type(failure).__name__}: {(str(failure).strip() or 'killed').splitlines()[0]}"
    if not error:
        return ""
    log = job.paths.stderr if job.paths.stderr.exists() else job.paths.stdout
    lines = log.read_text(errors="replace", encoding="utf-8").splitlines() if log.exists() else []
    messages = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return f"{messages[-1] if messages else error} (see {log})"


def cancel(jobs: list[Any]) -> None:
    """Asks the jobs to save their state and end, and waits for them."""
    for job in jobs:
        job.cancel(check=False)
    deadline = time.time() + STOP_SECONDS
    while time.time() < deadline and not all(job.done() for job in jobs):
        time.sleep(POLL_SECONDS / 5)
