"""Starts, watches, restarts and stops the workers of a search on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna

from fer.console import duration
from fer.errors import Interrupted, UserError
from fer.searching import trials
from fer.searching.plan import Plan
from fer.searching.report import shown
from fer.training.children import last_line, share

LOOK, TICK, PATIENCE = 0.5, 30, 60
"""Seconds between looks at the workers, between notes of the time, and until a worker is asked to stop again."""
DEATHS = 3
"""Workers in a row that may die without ending a trial."""


class Crew:
    """`workers` child processes that work on the plan's study, each with its share of the cores or a GPU of `gpus`."""

    def __init__(self, plan: Plan, study: optuna.Study, workers: int, gpus: list[int] | None, hours: float | None):
        self.plan, self.study, self.workers, self.gpus, self.hours = plan, study, workers, gpus, hours
        self.children: dict[int, subprocess.Popen] = {}
        self.clock, self.ticked, self.line, self.deaths = trials.Clock(study), 0.0, "", 0
        self.began: tuple[float, int] = (time.time(), trials.standing(study).ended)
        self.told = {trial.number for trial in trials.counted(study) if trial.state.is_finished()}

    def run(self) -> bool:
        """Until the budget is spent; False where the hours ran out with trials left. UserError for a fatal worker."""
        try:
            left = self.workers if self.plan.trials is None else self.plan.trials - trials.standing(self.study).ended
            for slot in range(min(self.workers, left)):
                self.start(slot)
            while self.children:
                time.sleep(LOOK)
                self.look()
                if self.children and self.out_of_time():
                    self.stop()
                    return False
        except BaseException as error:
            self.stop()
            if isinstance(error, Interrupted):
                print("stopped; the same command goes on", flush=True)
            raise
        finally:
            self.clock.tick()
        return True

    def log(self, slot: int) -> Path:
        return self.plan.folder / "logs" / f"{socket.gethostname()}-{os.getpid()}-worker-{slot}.log"

    def start(self, slot: int) -> None:
        """A worker in a session of its own, so that Ctrl-C reaches it through us and once only."""
        self.log(slot).parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "fer.searching.worker"]
        options: dict[str, Any] = {"env": share(slot, self.workers, self.gpus), "start_new_session": True}
        with self.log(slot).open("a", encoding="utf-8") as file:
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=file, **options)
        self.children[slot] = child
        child.stdin.write(f"{self.plan.to_json()}\n".encode())
        child.stdin.flush()

    def look(self) -> None:
        """At who has ended, and at how the search stands."""
        for slot, child in list(self.children.items()):
            if (code := child.poll()) is not None:
                del self.children[slot]
                child.stdin.close()
                self.ended(slot, code)
        if time.time() - self.ticked > TICK:
            self.clock.tick()
            self.ticked = time.time()
        self.say()

    def ended(self, slot: int, code: int) -> None:
        """Replaces a worker that was killed; another worker takes over its trial. An error ends the search."""
        if code == 128 + signal.SIGTERM:
            print(f"worker {slot} was asked to stop and did", flush=True)
        elif code < 0:
            self.deaths += 1
            if self.deaths >= DEATHS:
                raise UserError(f"{self.deaths} workers in a row were killed; see {self.log(slot)}, or use fewer")
            print(f"worker {slot} was killed (signal {-code}); another one takes its place", flush=True)
            self.start(slot)
        elif code:
            raise UserError(f"{last_line(self.log(slot))} (worker {slot}, see {self.log(slot)})")

    def say(self) -> None:
        """A line for each trial that failed since the last look, and one on all where something has changed."""
        for trial in trials.counted(self.study):
            if trial.state.is_finished() and trial.number not in self.told:
                self.told.add(trial.number)
                self.deaths = 0
                if trial.state == optuna.trial.TrialState.FAIL:
                    error = trial.user_attrs.get("error", "its workers died")
                    print(f"trial {trials.root(trial)} failed: {error}", flush=True)
        line = self.progress(trials.standing(self.study))
        if line != self.line:
            self.line = line
            print(f"{line}{self.left()}", flush=True)

    def progress(self, now: trials.Standing) -> str:
        line = f"{now.done} done, {now.pruned} pruned, {now.failed} failed, {now.running} running"
        if now.waiting:
            line += f", {now.waiting} to take up"
        if self.plan.trials is not None:
            line += f", {max(0, self.plan.trials - now.known)} to go"
        if now.best and not self.plan.spread:
            line += f"; best {self.plan.monitor} {shown(self.plan.monitor, now.best.value)} (trial {now.best_root})"
        return f"{'confirm' if self.plan.spread else 'search'}: {line}"

    def left(self) -> str:
        """What is left of the time, by the trials of this start and by search.hours."""
        since, before = self.began
        ended, estimates = trials.standing(self.study).ended, []
        if ended == self.plan.trials:
            return ""
        if self.plan.trials is not None and ended > before:
            estimates.append((time.time() - since) / (ended - before) * (self.plan.trials - ended))
        if self.hours is not None:
            estimates.append(max(0.0, 3600 * self.hours - self.clock.seconds()))
        return f"; about {duration(min(estimates))} left" if estimates else ""

    def out_of_time(self) -> bool:
        return self.hours is not None and self.clock.seconds() >= 3600 * self.hours

    def spent(self) -> bool:
        """Whether nothing is left to do before anything is started."""
        full = self.plan.trials is not None and trials.standing(self.study).ended >= self.plan.trials
        return full or self.out_of_time()

    def stop(self) -> None:
        """Asks all workers to save and end, and waits for them."""
        asked = 0.0
        while any(child.poll() is None for child in self.children.values()):
            if time.time() - asked > PATIENCE:
                asked = time.time()
                for child in self.children.values():
                    child.send_signal(signal.SIGTERM)
            time.sleep(LOOK / 5)
        self.children.clear()
