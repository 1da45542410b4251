"""Tabulates the options that differ between the runs of a study."""

import itertools
import re
import shlex
from collections.abc import Sequence

import pandas as pd

from fer.options import name_of, names_runs
from fer.studies.records import Run

DEFAULT = "default"
MANY = 6  # levels of a numeric factor from which on it is a range that was drawn from, not a list of choices
Factors = list[str]


def options(run: Run) -> dict[str, str]:
    """What was typed for the run, but for what does not change its result."""
    words = shlex.split(run.get("command") or "")
    typed = (word.lstrip("+~").split("=", 1) for word in words if "=" in word and not word.startswith("-"))
    return {name: value for name, value in typed if name != "experiment" and names_runs(name_of(name))}


def table(runs: Sequence[Run], figures: Sequence[str]) -> tuple[pd.DataFrame, Factors]:
    """(a row a run: `name`, `seed`, one column a factor with its level as text, and `figures`; the factors).

    A factor is an option with two or more values among the runs; left out, it counts as "default".
    """
    typed = [options(run) for run in runs]
    names = dict.fromkeys(name for of in typed for name in of)
    factors = [name for name in names if len({of.get(name, DEFAULT) for of in typed}) > 1]
    rows = [
        {"name": run["name"], "seed": run["config"]["seed"]}
        | {factor: of.get(factor, DEFAULT) for factor in factors}
        | {figure: run.get(figure) for figure in figures}
        for run, of in zip(runs, typed, strict=True)
    ]
    return pd.DataFrame(rows), factors


def titles(runs: Sequence[Run]) -> dict[str, str]:
    """A run's name -> what sets it apart from the others, in words; the name itself where nothing typed does."""
    rows, factors = table(runs, [])
    if not factors:
        return {name: name for name in rows["name"]}
    told = rows[factors].apply(lambda row: ", ".join(f"{name} {level}" for name, level in row.items()), axis=1)
    found = dict(zip(rows["name"], told, strict=True))
    return found if len(set(found.values())) == len(found) else {name: name for name in found}


def levels(column: pd.Series) -> list[str]:
    """The values of a factor: numbers by size, names in the order of the runs."""
    found = list(dict.fromkeys(column))
    numbers = pd.to_numeric(pd.Series(found), errors="coerce")
    return [found[index] for index in numbers.argsort(kind="stable")] if numbers.notna().all() else found


def is_range(column: pd.Series) -> bool:
    """Whether a factor has so many numbers as values that it is drawn rather than listed, as in a search."""
    return pd.to_numeric(column, errors="coerce").notna().all() and column.nunique() > MANY


def is_rate(name: str) -> bool:
    """Whether a factor is a learning rate by its name, to be tuned for each level of another: lr, optimizer.lr."""
    return "lr" in re.split(r"[._]", name)


def missing(runs: pd.DataFrame, factors: Factors) -> list[str]:
    """The combinations of levels and seeds that no run has, where the runs are meant as a grid: half of it is there."""
    names = [*factors, "seed"]
    grid = list(itertools.product(*(dict.fromkeys(runs[name]) for name in names)))
    there = set(runs[names].itertuples(index=False, name=None))
    if not factors or len(grid) > 2 * len(there):
        return []
    absent = [cell for cell in grid if cell not in there]
    return [" ".join(f"{name}={value}" for name, value in zip(names, cell, strict=True)) for cell in absent]
