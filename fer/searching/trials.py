"""Counts trials: each once, even if the process that ran it was killed.

A trial whose worker stopped or died is failed in the storage and put into its queue again with the same values, under a
new number; both share a root, the first one's number. Only one process can fail a trial, so only one queues it again.
"""

import socket
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import optuna
from filelock import FileLock, Timeout
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

ROOT, WORKER, DEATHS, OVER, RUN = "root", "worker", "deaths", "over", "run"
"""Attributes of trials; `over` marks one that was drawn while others filled the budget, `run` holds the folder of the
trial's last run."""
LIVES = 2  # workers that may die of a trial before it counts as failed


def root(trial: FrozenTrial) -> int:
    return trial.user_attrs.get(ROOT, trial.number)


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """The latest start of each trial that counts, in the order of their roots."""
    latest: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if OVER not in trial.user_attrs:
            latest[root(trial)] = trial
    return [latest[number] for number in sorted(latest)]


def place(study: optuna.Study, trial: FrozenTrial) -> int:
    """How many trials that count came before this one."""
    return sum(root(other) < root(trial) for other in counted(study))


def again(study: optuna.Study, trial: FrozenTrial, died: bool) -> None:
    """Queues a trial that was failed without an end of its own; not one that workers keep dying of."""
    deaths = trial.user_attrs.get(DEATHS, 0) + died
    if OVER in trial.user_attrs or deaths >= LIVES:
        return
    study.add_trial(
        optuna.create_trial(
            state=TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            intermediate_values=trial.intermediate_values,
            user_attrs={ROOT: root(trial), DEATHS: deaths},
        )
    )


def give_back(study: optuna.Study, number: int, died: bool) -> None:
    """Fails a running trial and queues it again, unless another process has."""
    try:
        study.tell(number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):
        return
    again(study, study.get_trials(deepcopy=False)[number], died)


def retry_failed(study: optuna.Study) -> None:
    """Queues every failed trial that counts, as if it had not been run."""
    for trial in counted(study):
        if trial.state == TrialState.FAIL:
            study.add_trial(
                optuna.create_trial(
                    state=TrialState.WAITING,
                    params=trial.params,
                    distributions=trial.distributions,
                    user_attrs={ROOT: root(trial)},
                )
            )


class Presence:
    """A worker's name, and the lock in the search's folder that it holds while it lives."""

    def __init__(self, folder: Path):
        self.name = f"{socket.gethostname()}-{uuid4().hex[:12]}"
        self.path = sign(folder, self.name)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(self.path)

    def __enter__(self) -> "Presence":
        try:
            self.lock.acquire(timeout=0)
        except NotImplementedError:  # a file system without locks: only heartbeats tell
            self.path.touch()
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        self.lock.release()
        if kind is None:  # else a trial may bear its name
            self.path.unlink(missing_ok=True)


def sign(folder: Path, worker: str) -> Path:
    return folder / ".workers" / f"{worker}.lock"


def take_up(study: optuna.Study, folder: Path, grace: float, alone: bool) -> None:
    """Gives back the trials of workers that died: by their heartbeats in a database, by their locks in `folder`.

    grace: seconds after which a trial counts as dead that no worker has put its name to. alone: all workers have their
    locks in `folder`, and one without has died.
    """
    optuna.storages.fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        worker = trial.user_attrs.get(WORKER)
        if worker is None:
            dead = (datetime.now() - trial.datetime_start).total_seconds() > grace
        else:
            path = sign(folder, worker)
            ours = alone or worker.rpartition("-")[0] == socket.gethostname()  # locks of others may not be seen here
            dead = ours and (gone(path) if path.exists() else alone)
        if dead:
            give_back(study, trial.number, died=True)


def gone(path: Path) -> bool:
    """Whether the worker whose lock this is has died."""
    try:
        with FileLock(path).acquire(timeout=0):
            return True
    except (Timeout, NotImplementedError):
        return False


@dataclass
class Standing:
    """How a search stands."""

    done: int
    pruned: int
    failed: int
    running: int
    waiting: int
    best: FrozenTrial | None

    @property
    def ended(self) -> int:
        return self.done + self.pruned + self.failed

    @property
    def best_root(self) -> int | None:
        return None if self.best is None else root(self.best)

    @property
    def known(self) -> int:
        return self.ended + self.running + self.waiting


def standing(study: optuna.Study) -> Standing:
    """Counts the trials that count by what became of them."""
    mine = counted(study)
    states = [trial.state for trial in mine]
    kinds = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING, TrialState.WAITING)
    whole = [trial for trial in mine if trial.state == TrialState.COMPLETE]
    best = max if study.direction == optuna.study.StudyDirection.MAXIMIZE else min
    return Standing(*map(states.count, kinds), best=best(whole, key=lambda trial: trial.value, default=None))


class Clock:
    """The time that a search has been worked on, over all starts and machines: the union of their sessions."""

    def __init__(self, study: optuna.Study):
        self.study, self.key, self.since = study, f"session {uuid4().hex}", time.time()

    def tick(self) -> None:
        """Keeps the time of this session up to now in the storage."""
        self.study.set_user_attr(self.key, [self.since, time.time()])

    def seconds(self) -> float:
        """In all, up to now."""
        sessions = {key: span for key, span in self.study.user_attrs.items() if key.startswith("session ")}
        spans = sorted([*(sessions | {self.key: [self.since, time.time()]}).values()])
        total, reached = 0.0, 0.0
        for start, end in spans:
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
        return total
