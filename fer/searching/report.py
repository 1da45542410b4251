"""Formats the results of a search and writes trials.csv."""

import csv
import shlex
import statistics
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig

from fer import commandline, compat, naming, runs
from fer.console import duration, figure_text
from fer.counting import counted
from fer.files import atomic
from fer.searching import trials
from fer.searching.plan import Plan
from fer.searching.storage import JOURNAL, without_password
from fer.trust import option_for

TABLE = "trials.csv"
STATUS = {"COMPLETE": "finished", "FAIL": "failed"}
"""Names of Optuna's states in trials.csv; the others are written in lower case."""


def train_command(plan: Plan, options: list[str], seed: int | str) -> str:
    """Returns the command that trains a trial with these options."""
    return commandline.command("fer.train", [*options, f"seed={seed}"], plan.config_dir)


def trial_folder(trial: optuna.trial.FrozenTrial, plan: Plan) -> Path | None:
    """Returns the folder of a trial's runs; None where it started none."""
    run = trial.user_attrs.get(trials.RUN)
    if run:
        return Path(run).parent
    options = trial.user_attrs.get("chosen")
    if options:
        folders = [plan.folder / name(options) for name in (naming.run_name, compat.run_name)]
        return next((folder for folder in folders if folder.is_dir()), folders[0])
    return None


def write_table(study: optuna.Study, plan: Plan) -> Path:
    """Writes trials.csv into the search's folder, a row for each trial that counts; returns its path."""
    names = [dimension.name for dimension in plan.dimensions]
    columns = ["trial", "status", plan.monitor, *names, "epochs seen", "seconds", "error", "run"]
    path = plan.folder / TABLE
    with atomic(path) as file:  # several machines may share the folder
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(table_row(trial, plan) for trial in trials.counted(study))
    return path


def table_row(trial: optuna.trial.FrozenTrial, plan: Plan) -> dict[str, Any]:
    folder = trial_folder(trial, plan)
    return {
        "trial": trials.root(trial),
        "status": STATUS.get(trial.state.name, trial.state.name.lower()),
        plan.monitor: trial.value,
        **trial.params,
        "epochs seen": max(trial.intermediate_values, default=None),
        "seconds": trial.user_attrs.get("seconds"),
        "error": trial.user_attrs.get("error"),
        "run": str(folder) if folder else None,
    }


def summary(study: optuna.Study, plan: Plan, best: optuna.trial.FrozenTrial, seconds: float) -> list[str]:
    """Returns lines that name the best trial, the command that trains it and the written files."""
    progress = trials.progress(study)
    counts = f"{counted(progress.complete, 'trial')} done, {progress.pruned} pruned, {progress.failed} failed"
    figure = figure_text(plan.monitor, trials.value(best))
    if plan.seeds > 1:
        figure += f", mean of {plan.seeds} seeds"
    files = [TABLE, "logs/"]
    if plan.storage is None:
        files.append(JOURNAL)
    return [
        f"{counts}, in {duration(seconds)}; the test split was not read",
        f"best in validation: trial {trials.root(best)}, {plan.monitor} {figure}",
        f"  {train_command(plan, best.user_attrs['chosen'], plan.seed)}",
        f"wrote {plan.folder}/: {', '.join(files)}, a folder for each run",
    ]


def next_steps(plan: Plan, best: optuna.trial.FrozenTrial, options: DictConfig, typed: list[str]) -> list[str]:
    """Returns the commands to type next; `typed` are the options of this one."""
    if not options.confirm:
        command = search_command(plan, typed)
        return [f"next: {command} search.confirm=5    (the best of many noisy trials looks better than it is)"]
    seed = f"seed-{plan.seed + plan.seeds}"
    folders = [plan.folder / naming.run_name(best.user_attrs["chosen"]), trial_folder(best, plan)]
    places = [folder / seed for folder in folders if folder]
    folder = next((place for place in places if place.is_dir()), places[0])
    evaluate = shlex.join(["python", "-m", "fer.evaluate", f"{folder}/checkpoints/best.ckpt", "--split", "test"])
    trust = option_for(runs.read_record(folder)["config"]) if folder.is_dir() else ""
    return [
        f"next: {shlex.join(['python', '-m', 'fer.study', plan.study])}    (a table over all its runs)",
        f"      {evaluate}{trust}    (once, at the end)",
    ]


def search_command(plan: Plan, typed: list[str]) -> str:
    """Returns this search's command without its confirmation and the storage's password."""
    options = [option for option in typed if not option.startswith(("search.confirm=", "search.storage="))]
    if plan.storage:
        options.append(f"search.storage={without_password(plan.storage)}")
    return commandline.command("fer.search", options, plan.config_dir)


def confirmation(study: optuna.Study, plan: Plan, search_value: float) -> list[str]:
    """Returns a line with the best trial's figure over fresh seeds; `search_value` is its figure in the search."""
    figures = [trial.value for trial in trials.counted(study) if trial.value is not None]
    if not figures:
        return ["none of the confirming runs finished"]
    deviation = statistics.stdev(figures) if len(figures) > 1 else None
    figure = figure_text(plan.monitor, statistics.mean(figures), deviation)
    planned = plan.trials or len(figures)
    if len(figures) < planned:
        figure += f", {counted(planned - len(figures), 'run')} failed"
    seeds = f"{counted(len(figures), 'fresh seed')} ({plan.seed} to {plan.seed + planned - 1})"
    searched = figure_text(plan.monitor, search_value)
    return [f"confirmed over {seeds}: {plan.monitor} {figure}; the search itself saw {searched}"]
