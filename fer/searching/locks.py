"""Locks that workers hold while they live, by which the trials of dead workers are recognised."""

import socket
from datetime import datetime
from pathlib import Path
from types import TracebackType
from uuid import uuid4

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from fer.searching import trials


class WorkerLock:
    """A worker's unique name, and the lock in the search's folder that it holds while it lives."""

    def __init__(self, folder: Path):
        self.worker = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        self.path = lock_path(folder, self.worker)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(self.path)

    def __enter__(self) -> "WorkerLock":
        try:
            self.lock.acquire(timeout=0)
        except NotImplementedError:  # a file system without locks: only heartbeats show who is alive
            self.path.touch()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType) -> None:
        self.lock.release()
        if kind is None:  # after an error a running trial may still bear the worker's name
            self.path.unlink(missing_ok=True)


def lock_path(folder: Path, worker: str) -> Path:
    return folder / ".workers" / f"{worker}.lock"


def is_free(path: Path) -> bool:
    """Whether nobody holds the lock, because its worker has died."""
    try:
        with FileLock(path).acquire(timeout=0):
            return True
    except (Timeout, NotImplementedError):
        return False


def requeue_dead(study: optuna.Study, folder: Path, grace: float, one_machine: bool) -> None:
    """Requeues the trials of dead workers: by their heartbeats in a database, by their locks in `folder`.

    grace: seconds for which a trial may run without a worker's name. one_machine: all workers have their locks in
    `folder`, so that a worker without a lock is dead.
    """
    optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        if is_dead(trial, folder, grace, one_machine):
            trials.requeue(study, trial.number, died=True)


def is_dead(trial: FrozenTrial, folder: Path, grace: float, one_machine: bool) -> bool:
    """Whether the worker of a running trial has died; see `requeue_dead`."""
    worker = trial.user_attrs.get(trials.WORKER)
    start = trial.datetime_start
    if worker is None:
        return start is not None and (datetime.now() - start).total_seconds() > grace
    local = worker.rpartition("-")[0] == socket.gethostname()
    if not (one_machine or local):  # locks of other machines may be invisible here
        return False
    path = lock_path(folder, worker)
    return is_free(path) if path.exists() else one_machine
