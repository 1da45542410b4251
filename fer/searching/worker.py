"""Runs trials of a study until its budget is spent."""

import math
import signal
import statistics
import threading
import time
import traceback
from collections.abc import Callable

import optuna
from optuna.exceptions import UpdateFinishedTrialError

from fer.data.cache import kept_in_memory
from fer.errors import Interrupted, UserError
from fer.files import Unwritable
from fer.searching import locks, space, storage, trials
from fer.searching.plan import Plan
from fer.searching.trials import TrialStopped

POLL = 2.0
"""Seconds between looks at what other workers do."""
FAILED = math.nan
"""Value of a trial that Optuna stores as failed."""

Train = Callable[[Plan, list[str], int, optuna.Trial, threading.Event], float]
"""Trains one run: (plan, options, seed, trial, stopping) -> the monitored figure."""


class Worker:
    """Works on the plan's study. stopping: set from outside when the worker is to stop. train: see `training.train`."""

    def __init__(self, plan: Plan, stopping: threading.Event, train: Train):
        self.plan, self.stopping, self.train = plan, stopping, train
        self.study = storage.open_study(plan)
        self.lock = locks.WorkerLock(plan.folder)
        self.trial: optuna.Trial | None = None
        self.fatal: UserError | None = None

    def work(self) -> None:
        """Runs trials until the budget is spent and no other worker's trial can come back to the queue.

        Raises Interrupted when asked to stop and UserError where the disk is full; the trial is requeued before.
        """
        with self.lock, kept_in_memory():
            try:
                while not self.stopping.is_set() and self.run_or_wait():
                    pass
            except Interrupted as stop:
                if self.trial is not None:
                    trials.requeue(self.study, self.trial.number, died=False)
                if self.fatal:
                    raise self.fatal from None
                raise Interrupted(signal.SIGTERM) from stop
        if self.stopping.is_set():
            raise Interrupted(signal.SIGTERM)

    def run_or_wait(self) -> bool:
        """Runs a trial, or waits while other workers run the last ones. Returns False where nothing is left."""
        plan = self.plan
        locks.requeue_dead(self.study, plan.folder, 2 * plan.heartbeat, one_machine=plan.storage is None)
        progress = trials.progress(self.study)
        if progress.waiting or plan.trials is None or progress.total < plan.trials:
            self.run_trial()
            return True
        if progress.running:
            self.stopping.wait(POLL)
            return True
        return False

    def run_trial(self) -> None:
        """Runs one trial from the queue, or a new one, and stores its result; Optuna sends heartbeats meanwhile."""
        try:
            self.study.optimize(self.objective, n_trials=1, catch=(Exception,), gc_after_trial=True)
        except (ValueError, UpdateFinishedTrialError):
            # Optuna refuses the result of a trial that another worker has ended, because this one seemed dead.
            trial = self.trial
            if trial is None or not self.study.get_trials(deepcopy=False)[trial.number].state.is_finished():
                raise
            print(f"trial {trial.number} was taken over by another worker", flush=True)

    def objective(self, trial: optuna.Trial) -> float:
        """Returns the mean of the monitored figure over the trial's seeds, or FAILED."""
        self.trial = trial
        trial.set_user_attr(trials.WORKER, self.lock.worker)
        position = trials.position(self.study, self.study.get_trials(deepcopy=False)[trial.number])
        if self.plan.trials is not None and position >= self.plan.trials:  # others filled the budget meanwhile
            trial.set_user_attr(trials.OVER_BUDGET, True)
            return FAILED
        try:
            return self.train_seeds(trial, self.plan.trial_seeds(position))
        except TrialStopped as stop:
            if stop.pruned:
                raise optuna.TrialPruned(str(stop)) from stop
            return FAILED  # which Optuna refuses to store, since another worker has ended the trial
        except Exception as error:
            self.stop_if_disk_full(error)
            record_failure(trial, error)
            return FAILED

    def train_seeds(self, trial: optuna.Trial, seeds: list[int]) -> float:
        """Trains with each seed, stores the figures in the trial and returns their mean."""
        start = time.time()
        options = self.plan.trial_options(space.suggest(self.plan.dimensions, trial))
        trial.set_user_attr("chosen", options)
        figures = [self.train(self.plan, options, seed, trial, self.stopping) for seed in seeds]
        trial.set_user_attr("seconds", round(time.time() - start, 1))
        trial.set_user_attr("figures", figures)
        return statistics.mean(figures)

    def stop_if_disk_full(self, error: Exception) -> None:
        """Raises Interrupted, which stops the search and requeues the trial, where the disk made the trial fail."""
        self.fatal = error if isinstance(error, Unwritable) else storage.disk_error(self.plan.folder)
        if self.fatal:
            raise Interrupted(signal.SIGTERM) from error


def record_failure(trial: optuna.Trial, error: Exception) -> None:
    """Stores the error in the trial as one line; prints the traceback of an unexpected one."""
    if not isinstance(error, UserError):
        traceback.print_exception(error)
    lines = str(error).strip().splitlines() or ["no message"]
    trial.set_user_attr("error", f"{type(error).__name__}: {lines[0]}")
