"""Counts and requeues the trials of a study: each counts once, even if the process that ran it was killed.

A trial whose worker stopped or died is failed in the storage and queued again with the same values, under a new number.
All its numbers share a root, the first of them. Only one process can fail a trial, so only one queues it again.
"""

import signal
from dataclasses import dataclass

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from fer.errors import Interrupted

ROOT = "root"
"""Attribute of a requeued trial: the number that it had first."""
WORKER = "worker"
"""Attribute: the name of the worker that runs the trial."""
DEATHS = "deaths"
"""Attribute: how many workers have died while they ran the trial."""
OVER_BUDGET = "over"
"""Attribute: the trial was drawn while others filled the budget; it does not count."""
RUN = "run"
"""Attribute: the folder of the trial's last run."""
MAX_DEATHS = 2
"""Workers that may die while they run a trial before it counts as failed."""


class TrialStopped(Interrupted):
    """The training of a trial ends early. pruned: the pruner decided so; otherwise another worker runs the trial."""

    def __init__(self, message: str, pruned: bool):
        super().__init__(signal.SIGTERM)
        self.args = (message,)
        self.pruned = pruned


def root(trial: FrozenTrial) -> int:
    return trial.user_attrs.get(ROOT, trial.number)


def value(trial: FrozenTrial) -> float:
    """Returns the monitored figure of a complete trial. Raises ValueError for another one."""
    if trial.value is None:
        raise ValueError(f"trial {trial.number} has no value")
    return trial.value


def counted(study: optuna.Study) -> list[FrozenTrial]:
    """Returns the trials that count, in the order of their roots, each with its latest number."""
    latest: dict[int, FrozenTrial] = {}
    for trial in study.get_trials(deepcopy=False):
        if OVER_BUDGET not in trial.user_attrs:
            latest[root(trial)] = trial
    return [latest[number] for number in sorted(latest)]


def position(study: optuna.Study, trial: FrozenTrial) -> int:
    """Returns how many trials that count came before this one."""
    return sum(root(other) < root(trial) for other in counted(study))


def queue_again(study: optuna.Study, trial: FrozenTrial, died: bool) -> None:
    """Queues a failed trial again with its values and its figures, unless too many workers have died of it.

    died: whether its worker died rather than stopped.
    """
    deaths = trial.user_attrs.get(DEATHS, 0) + int(died)
    if OVER_BUDGET in trial.user_attrs or deaths >= MAX_DEATHS:
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


def requeue(study: optuna.Study, number: int, died: bool) -> None:
    """Fails a running trial and queues it again; does nothing where another process has ended it."""
    try:
        study.tell(number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):
        return
    queue_again(study, study.get_trials(deepcopy=False)[number], died)


def retry_failed(study: optuna.Study) -> None:
    """Queues every failed trial that counts, without its figures."""
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


@dataclass(frozen=True)
class Progress:
    """Number of trials in each state, and the best complete trial."""

    complete: int
    pruned: int
    failed: int
    running: int
    waiting: int
    best: FrozenTrial | None

    @property
    def ended(self) -> int:
        return self.complete + self.pruned + self.failed

    @property
    def total(self) -> int:
        return self.ended + self.running + self.waiting

    @property
    def best_root(self) -> int | None:
        return None if self.best is None else root(self.best)


def progress(study: optuna.Study) -> Progress:
    """Counts the trials that count by their state."""
    trials = counted(study)
    states = [trial.state for trial in trials]
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
    choose = max if maximize else min
    return Progress(
        complete=len(complete),
        pruned=states.count(TrialState.PRUNED),
        failed=states.count(TrialState.FAIL),
        running=states.count(TrialState.RUNNING),
        waiting=states.count(TrialState.WAITING),
        best=choose(complete, key=value, default=None),
    )
