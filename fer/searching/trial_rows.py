"""Returns the rows of a search's table: how each trial stands."""

import time

import optuna
from optuna.trial import FrozenTrial

from fer.console import duration, figure_text
from fer.searching import trials
from fer.searching.plan import Plan
from fer.terminal import DONE, FAILED, RUNNING, WAITING, Row

STATES = {"COMPLETE": DONE, "FAIL": FAILED, "RUNNING": RUNNING, "WAITING": WAITING, "PRUNED": "pruned"}
"""Names of Optuna's states in the table."""


class TrialRows:
    """The rows of a search's table, a trial each; calling it returns them as they stand."""

    def __init__(self, study: optuna.Study, plan: Plan):
        self.study, self.monitor = study, plan.monitor
        self.epochs = plan.compose([*plan.base, "output_dir=x", "seed=0"]).trainer.max_epochs

    def __call__(self) -> list[Row]:
        return [self.row(trial) for trial in trials.counted(self.study)]

    def row(self, trial: FrozenTrial) -> Row:
        state = STATES[trial.state.name]
        epoch = max(trial.intermediate_values, default=0)
        value = trial.value if trial.value is not None else trial.intermediate_values.get(epoch)
        left = ""
        if state == RUNNING and epoch and self.epochs > 0 and trial.datetime_start:
            seconds = time.time() - trial.datetime_start.timestamp()
            left = duration(max(0.0, seconds / epoch * (self.epochs - epoch)))
        return Row(
            f"{trials.root(trial)}: {described(trial)}",
            state,
            f"{epoch}/{self.epochs}" if epoch else "",
            "" if value is None else figure_text(self.monitor, value),
            left,
        )


def described(trial: FrozenTrial) -> str:
    """Returns the values of a trial, numbers with three digits."""
    values = {name: f"{value:.3g}" if isinstance(value, float) else value for name, value in trial.params.items()}
    return ", ".join(f"{name} {value}" for name, value in values.items())
