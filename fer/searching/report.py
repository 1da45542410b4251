"""Prints the results of a search and writes trials.csv."""

import csv
import shlex
import statistics
from pathlib import Path
from typing import Any

import optuna

from fer import commandline, compat, naming, resolvers
from fer.console import duration
from fer.files import atomic
from fer.searching import trials
from fer.searching.plan import Plan
from fer.searching.storage import hidden

TABLE = "trials.csv"
NAMES = {"COMPLETE": "finished", "FAIL": "failed"}


def shown(monitor: str, value: float, deviation: float | None = None) -> str:
    """`61.23 %`, `61.23 ± 0.45 %`; losses as they are."""
    loss = resolvers.mode_of(monitor) == "min"
    numbers = [
        f"{number:.4f}" if loss else f"{100 * number:.2f}" for number in (value, deviation) if number is not None
    ]
    return " ± ".join(numbers) + ("" if loss else " %")


def train_line(plan: Plan, chosen: list[str], seed: int | str) -> str:
    """The command that trains what a trial trained."""
    return commandline.command("fer.train", [*chosen, f"seed={seed}"], plan.config_dir)


def folder_of(trial: optuna.trial.FrozenTrial, plan: Plan) -> Path | None:
    """The folder above a trial's runs; None where it started none."""
    if run := trial.user_attrs.get(trials.RUN):
        return Path(run).parent
    if chosen := trial.user_attrs.get("chosen"):
        folders = [plan.folder / name(chosen) for name in (naming.run_name, compat.run_name)]
        return next((folder for folder in folders if folder.is_dir()), folders[0])
    return None


def write_table(study: optuna.Study, plan: Plan) -> Path:
    """trials.csv in the search's folder: a row for each trial that counts."""
    names = [dimension.name for dimension in plan.dimensions]
    columns = ["trial", "status", plan.monitor, *names, "epochs seen", "seconds", "error", "run"]
    path = plan.folder / TABLE
    with atomic(path) as file:  # several machines may share the folder
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(row(trial, plan) for trial in trials.counted(study))
    return path


def row(trial: optuna.trial.FrozenTrial, plan: Plan) -> dict[str, Any]:
    folder = folder_of(trial, plan)
    return {
        "trial": trials.root(trial),
        "status": NAMES.get(trial.state.name, trial.state.name.lower()),
        plan.monitor: trial.value,
        **trial.params,
        "epochs seen": max(trial.intermediate_values, default=None),
        "seconds": trial.user_attrs.get("seconds"),
        "error": trial.user_attrs.get("error"),
        "run": folder and str(folder),
    }


def closing(study: optuna.Study, plan: Plan, spent: float) -> list[str]:
    """Which trial is best, how to train it, what was written."""
    now = trials.standing(study)
    best, seeds = now.best, f", mean of {plan.seeds} seeds" * (plan.seeds > 1)
    counts = f"{now.done} trials done, {now.pruned} pruned, {now.failed} failed"
    return [
        f"{counts}, in {duration(spent)}; the test split was not read",
        f"best in validation: trial {now.best_root}, {plan.monitor} {shown(plan.monitor, best.value)}{seeds}",
        f"  {train_line(plan, best.user_attrs['chosen'], plan.seed)}",
        f"wrote {plan.folder}/: {TABLE}, logs/{', journal.log' * (plan.storage is None)}, a folder for each run",
    ]


def following(plan: Plan, best: optuna.trial.FrozenTrial, options: Any, typed: list[str]) -> list[str]:
    """What to type next; `typed` are the options of this command."""
    shown = [part for part in typed if not part.startswith(("search.confirm=", "search.storage="))]
    if plan.storage:
        shown.append(f"search.storage={hidden(plan.storage)}")
    again = commandline.command("fer.search", shown, plan.config_dir)
    if not options.confirm:
        return [f"next: {again} search.confirm=5    (the best of many noisy trials looks better than it is)"]
    seed = f"seed-{plan.seed + plan.seeds}"
    folders = [plan.folder / naming.run_name(best.user_attrs["chosen"]) / seed, folder_of(best, plan) / seed]
    folder = next((folder for folder in folders if folder.is_dir()), folders[0])
    evaluate = ["python", "-m", "fer.evaluate", f"{folder}/checkpoints/best.ckpt", "--split", "test"]
    return [
        f"next: {shlex.join(['python', '-m', 'fer.study', plan.study])}    (a table over all its runs)",
        f"      {shlex.join(evaluate)}    (once, at the end)",
    ]


def confirmed(study: optuna.Study, plan: Plan, found: float) -> list[str]:
    """What the best trial is worth over seeds that no trial has seen; `found` is what the search thought."""
    figures = [trial.value for trial in trials.counted(study) if trial.value is not None]
    if not figures:
        return ["none of the confirming runs finished"]
    deviation = statistics.stdev(figures) if len(figures) > 1 else None
    worth = shown(plan.monitor, statistics.mean(figures), deviation)
    seeds = f"{len(figures)} fresh seeds ({plan.seed} to {plan.seed + plan.trials - 1})"
    short = f", {plan.trials - len(figures)} runs failed" * (len(figures) < plan.trials)
    return [
        f"confirmed over {seeds}: {plan.monitor} {worth}{short}; the search itself saw {shown(plan.monitor, found)}"
    ]
