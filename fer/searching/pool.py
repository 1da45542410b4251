"""Starts, watches, restarts and stops the workers of a search on this machine."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import optuna

from fer.console import duration, figure_text
from fer.errors import Interrupted, UserError
from fer.searching import trials
from fer.searching.plan import Plan
from fer.searching.stopwatch import Stopwatch
from fer.searching.trial_rows import TrialRows
from fer.terminal import LiveTable, shows_table
from fer.training.children import last_line, pin, share

POLL = 0.5
"""Seconds between looks at the workers."""
SAVE_EVERY = 30
"""Seconds between writes of the time to the storage."""
PATIENCE = 60
"""Seconds until a worker is asked again to stop."""
MAX_KILLED = 3
"""Workers in a row that may be killed without any trial ending in between."""
COMMAND = [sys.executable, "-m", "fer.searching"]


class WorkerPool:
    """`workers` child processes that work on the plan's study, each with its share of the cores or a GPU of `gpus`."""

    def __init__(self, plan: Plan, study: optuna.Study, workers: int, gpus: list[int] | None, hours: float | None):
        self.plan, self.study, self.workers, self.gpus, self.hours = plan, study, workers, gpus, hours
        self.processes: dict[int, subprocess.Popen] = {}
        self.stopwatch, self.saved_at = Stopwatch(study), 0.0
        self.killed_in_a_row = 0
        self.last_progress = ""
        self.start_time, self.ended_before = time.time(), trials.progress(study).ended
        self.reported = {trial.number for trial in trials.counted(study) if trial.state.is_finished()}

    def run(self) -> bool:
        """Works until the budget is spent; returns False where the hours ran out with trials left.

        Raises UserError where a worker ends with an error or workers are killed repeatedly.
        """
        count = self.workers
        if self.plan.trials is not None:
            count = min(count, self.plan.trials - trials.progress(self.study).ended)
        table = LiveTable(TrialRows(self.study, self.plan), self.title, self.plan.monitor)
        try:
            with table:
                for slot in range(count):
                    self.start(slot)
                return self.watch(table)
        except BaseException as error:
            self.stop()
            if isinstance(error, Interrupted):
                print("stopped; the same command goes on", flush=True)
            raise
        finally:
            self.stopwatch.save()

    def watch(self, table: LiveTable) -> bool:
        """Waits until all workers have ended; returns False where the hours ran out before, and stops the workers."""
        while self.processes:
            time.sleep(POLL)
            self.check_workers()
            self.save_time()
            self.print_progress()
            table.refresh()
            if self.processes and self.out_of_time():
                self.stop()
                return False
        return True

    def log(self, slot: int) -> Path:
        return self.plan.folder / "logs" / f"{socket.gethostname()}-{os.getpid()}-worker-{slot}.log"

    def start(self, slot: int) -> None:
        """Starts a worker in a session of its own, so that Ctrl-C reaches it only through `stop`."""
        self.log(slot).parent.mkdir(parents=True, exist_ok=True)
        with self.log(slot).open("a", encoding="utf-8") as file:
            process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                env=share(slot, self.workers, self.gpus),
                start_new_session=True,
            )
        pin(process.pid, slot, self.workers, self.gpus)
        self.processes[slot] = process
        stdin = standard_input(process)
        stdin.write(f"{self.plan.to_json()}\n".encode())
        stdin.flush()

    def check_workers(self) -> None:
        for slot, process in list(self.processes.items()):
            code = process.poll()
            if code is not None:
                del self.processes[slot]
                standard_input(process).close()
                self.handle_exit(slot, code)

    def handle_exit(self, slot: int, code: int) -> None:
        """Replaces a worker that was killed; another worker runs its trial. Raises UserError for one that failed."""
        if code == 128 + signal.SIGTERM:
            print(f"worker {slot} was asked to stop and did", flush=True)
        elif code < 0:
            self.killed_in_a_row += 1
            if self.killed_in_a_row >= MAX_KILLED:
                message = f"{self.killed_in_a_row} workers in a row were killed"
                raise UserError(f"{message}; see {self.log(slot)}, or use fewer")
            print(f"worker {slot} was killed (signal {-code}); another one takes its place", flush=True)
            self.start(slot)
        elif code:
            raise UserError(f"{last_line(self.log(slot))} (worker {slot}, see {self.log(slot)})")

    def save_time(self) -> None:
        if time.time() - self.saved_at > SAVE_EVERY:
            self.stopwatch.save()
            self.saved_at = time.time()

    def print_progress(self) -> None:
        """Prints each trial that failed since the last call, and the progress where it has changed."""
        for trial in trials.counted(self.study):
            if trial.state.is_finished() and trial.number not in self.reported:
                self.reported.add(trial.number)
                self.killed_in_a_row = 0
                if trial.state == optuna.trial.TrialState.FAIL:
                    error = trial.user_attrs.get("error", "its workers died")
                    print(f"trial {trials.root(trial)} failed: {error}", flush=True)
        progress = self.format_progress(trials.progress(self.study))
        if progress != self.last_progress and not shows_table():  # whose title it is
            self.last_progress = progress
            print(self.title(), flush=True)

    def title(self) -> str:
        """Returns the progress and the time left in one line."""
        return f"{self.format_progress(trials.progress(self.study))}{self.format_time_left()}"

    def format_progress(self, progress: trials.Progress) -> str:
        parts = [
            f"{progress.complete} done",
            f"{progress.pruned} pruned",
            f"{progress.failed} failed",
            f"{progress.running} running",
        ]
        if progress.waiting:
            parts.append(f"{progress.waiting} requeued")
        if self.plan.trials is not None:
            parts.append(f"{max(0, self.plan.trials - progress.total)} to go")
        line = ", ".join(parts)
        if progress.best and not self.plan.spread:
            figure = figure_text(self.plan.monitor, trials.value(progress.best))
            line += f"; best {self.plan.monitor} {figure} (trial {progress.best_root})"
        return f"{'confirm' if self.plan.spread else 'search'}: {line}"

    def format_time_left(self) -> str:
        """Estimates the time left from the trials since this start and from search.hours; "" where neither tells."""
        ended, estimates = trials.progress(self.study).ended, []
        if ended == self.plan.trials:
            return ""
        if self.plan.trials is not None and ended > self.ended_before:
            seconds_per_trial = (time.time() - self.start_time) / (ended - self.ended_before)
            estimates.append(seconds_per_trial * (self.plan.trials - ended))
        if self.hours is not None:
            estimates.append(max(0.0, 3600 * self.hours - self.stopwatch.seconds()))
        return f"; about {duration(min(estimates))} left" if estimates else ""

    def out_of_time(self) -> bool:
        return self.hours is not None and self.stopwatch.seconds() >= 3600 * self.hours

    def budget_is_spent(self) -> bool:
        """Whether all trials have ended or the time is over, before any worker starts."""
        complete = self.plan.trials is not None and trials.progress(self.study).ended >= self.plan.trials
        return complete or self.out_of_time()

    def stop(self) -> None:
        """Asks all workers to save and end, again after PATIENCE seconds, and waits for them."""
        asked_at = 0.0
        while any(process.poll() is None for process in self.processes.values()):
            if time.time() - asked_at > PATIENCE:
                asked_at = time.time()
                for process in self.processes.values():
                    process.send_signal(signal.SIGTERM)
            time.sleep(POLL / 5)
        self.processes.clear()


def standard_input(process: subprocess.Popen) -> IO[bytes]:
    """Returns the pipe to a process that was started with `stdin=PIPE`. Raises ValueError for another process."""
    if process.stdin is None:
        raise ValueError("the process was started without a pipe")
    return process.stdin
