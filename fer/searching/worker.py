"""The worker process: runs trials of a study until none is left.

fer.search starts it as `python -m fer.searching.worker` with the plan on its standard input, which stays open while
fer.search lives. SIGTERM, or the end of that input, makes it save its run, give back its trial and end.
"""

import json
import os
import shutil
import signal
import statistics
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, open_dict

from fer import config, streams, validation
from fer.errors import SIGNALS, Interrupted, UserError
from fer.files import Unwritable
from fer.searching.plan import Plan

ROOM = 50_000_000  # bytes on the disk below which it counts as full
WAIT = 2.0  # seconds between looks at what others do
DATA = "data"  # attribute of a study: the fingerprint of what it trains on


def check_room(folder: Path) -> None:
    """Raises UserError where the disk is full."""
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise UserError(f"{folder}: only {free / 1e6:.0f} MB left on the disk; make room and start again")


class Worker:
    """Works on the plan's study. stopping: set when no further trial is to start."""

    def __init__(self, plan: Plan, stopping: threading.Event):
        from fer.searching import storage, trials

        self.plan, self.stopping, self.trials = plan, stopping, trials
        self.study = storage.prepared(storage.open_study(plan), plan)
        self.trial: Any = None
        self.stopped_by: UserError | None = None

    def work(self) -> None:
        """Until the budget is spent and nothing of it is left to take up. Raises Interrupted when asked to stop."""
        self.check_data()
        with self.trials.Presence(self.plan.folder) as self.presence:
            try:
                while not self.stopping.is_set() and self.one_more():
                    pass
            except Interrupted:
                self.give_back()
                raise self.stopped_by or Interrupted(signal.SIGTERM) from None
        if self.stopping.is_set():
            raise Interrupted(signal.SIGTERM)

    def one_more(self) -> bool:
        """Runs a trial, or waits for those of others that may have to be taken up; False where nothing is left."""
        plan = self.plan
        self.trials.take_up(self.study, plan.folder, 2 * plan.heartbeat, alone=plan.storage is None)
        now = self.trials.standing(self.study)
        if now.waiting or plan.trials is None or now.known < plan.trials:
            self.optimize()
        elif now.running:
            self.stopping.wait(WAIT)
        else:
            return False
        return True

    def optimize(self) -> None:
        """One trial, asked for and told."""
        try:
            self.study.optimize(self.run, n_trials=1, catch=(Exception,), gc_after_trial=True)
        except (ValueError, self.trials.UpdateFinishedTrialError):
            if not self.study.get_trials(deepcopy=False)[self.trial.number].state.is_finished():
                raise
            print(f"trial {self.trial.number} was taken up by another worker", flush=True)

    def run(self, trial: Any) -> float:
        """The mean of the monitored figure over the trial's seeds."""
        from optuna import TrialPruned

        from fer.searching import space
        from fer.searching.stops import Lost, Pruned

        self.trial, started = trial, time.time()
        trial.set_user_attr(self.trials.WORKER, self.presence.name)
        place = self.trials.place(self.study, self.study.get_trials(deepcopy=False)[trial.number])
        if self.plan.trials is not None and place >= self.plan.trials:
            trial.set_user_attr(self.trials.OVER, True)
            raise RuntimeError("others filled the budget meanwhile")
        try:
            chosen = self.plan.chosen(space.suggest(self.plan.dimensions, trial))
            trial.set_user_attr("chosen", chosen)
            figures = [self.train(chosen, seed, trial) for seed in self.plan.seeds_of(place)]
        except Pruned as error:
            raise TrialPruned(str(error)) from error
        except Lost as error:
            raise RuntimeError(str(error)) from error
        except Exception as error:
            self.fail(error)
            raise
        trial.set_user_attr("seconds", round(time.time() - started, 1))
        trial.set_user_attr("figures", figures)
        return statistics.mean(figures)

    def train(self, chosen: list[str], seed: int, trial: Any) -> float:
        """One run; the first seed's epochs are the trial's."""
        from fer.searching.watch import Watch
        from fer.training import experiment

        cfg = composed(self.plan, self.plan.run(chosen, seed))
        validation.check(cfg)
        watched = trial if seed == self.plan.seed and not self.plan.spread else None
        while True:
            record = experiment.run(cfg, [Watch(watched, self.plan.monitor, self.stopping)])
            trial.set_user_attr(self.trials.RUN, record["config"]["output_dir"])
            if record["status"] == "finished":
                return float(record[self.plan.monitor])
            if self.stopping.wait(WAIT):  # another process trains this very run
                raise Interrupted(signal.SIGTERM)

    def fail(self, error: Exception) -> None:
        """Notes why a trial failed. Where it is the disk, the search stops and the trial stays to be run."""
        try:
            if isinstance(error, Unwritable):
                raise error
            check_room(self.plan.folder)
        except UserError as full:
            self.stopped_by = full
            raise Interrupted(signal.SIGTERM) from error
        if not isinstance(error, UserError):
            traceback.print_exception(error)
        text = str(error).strip() or "no message"
        self.trial.set_user_attr("error", f"{type(error).__name__}: {text.splitlines()[0]}")

    def give_back(self) -> None:
        if self.trial is not None:
            self.trials.give_back(self.study, self.trial.number, died=False)

    def check_data(self) -> None:
        """Raises UserError for data that cannot be used, or are not those of the study."""
        from fer.console import quieten
        from fer.training.building import build_datamodule

        quieten()
        datamodule = build_datamodule(composed(self.plan, self.plan.run(self.plan.base, self.plan.seed)))
        datamodule.setup()
        found = datamodule.fingerprint
        if DATA not in self.study.user_attrs:
            self.study.set_user_attr(DATA, found)
        if (there := self.study.user_attrs[DATA]) != found:
            fix = "set data.root, or name this search study=NAME"
            raise UserError(f"the data (fingerprint {found}) are not those of the search ({there}); {fix}")


def composed(plan: Plan, typed: list[str]) -> DictConfig:
    """The config of a run, and Hydra's own for it, so that the run records what was typed."""
    cfg = plan.composed(typed, return_hydra_config=True)
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


def heed(stopping: threading.Event) -> None:
    """From now on SIGTERM and Ctrl-C set `stopping`, and so does the end of the standard input."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: stopping.set())

    def wait() -> None:
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)  # for the training in progress, which heeds signals

    threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    streams.harden()
    line = sys.stdin.buffer.raw.readline()  # unbuffered: what follows is read elsewhere
    plan, stopping = Plan(**json.loads(line)), threading.Event()
    heed(stopping)
    from fer.searching.storage import lost

    try:
        with lost():
            Worker(plan, stopping).work()
    except UserError as error:
        sys.exit(config.fail(str(error)))
    except Interrupted as error:
        sys.exit(128 + error.number)


if __name__ == "__main__":
    main()
