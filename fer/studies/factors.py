"""Tabulates the factors of a study: the options, and the data, in which its runs differ."""

import itertools
import math
import re
from collections.abc import Sequence

import pandas as pd

from fer.commandline import hyperparameters
from fer.studies.run_names import Run
from fer.studies.selection import Studies

DEFAULT = "default"
RANGE_LEVELS = 7
"""A numeric factor with fewer levels is a list of choices."""
MANY_LEVELS = 20
"""Numeric levels from which on a factor counts as drawn from a range even where each has several runs."""
DATA = "data"
Factors = list[str]


def factor_levels(run: Run) -> dict[str, str]:
    """Returns the options of a run that can change its results, as typed."""
    return hyperparameters(run.get("command") or "")


def table(runs: Sequence[Run], figures: Sequence[str]) -> tuple[pd.DataFrame, Factors]:
    """Returns a row for each run, and the names of the factors.

    Columns: `name`, `seed`, the level of each factor as text, and `figures`. A factor is an option with two or more
    values among the runs; a run without it has the level "default". Runs on different sources have the factor "data",
    in place of options of the data that tell the same runs apart.
    """
    levels_of_runs = [factor_levels(run) for run in runs]
    names = list(dict.fromkeys(name for levels in levels_of_runs for name in levels))
    columns = {name: [levels.get(name, DEFAULT) for levels in levels_of_runs] for name in names}
    columns = {name: values for name, values in columns.items() if len(set(values)) > 1}
    sources = data_levels(runs)
    if len(set(sources)) > 1:
        columns = {
            name: values
            for name, values in columns.items()
            if not (name.split(".")[0] == DATA and same_groups(values, sources))
        }
        columns[DATA] = sources
    rows = pd.DataFrame({"name": [run["name"] for run in runs], "seed": [run["config"]["seed"] for run in runs]})
    for name, values in {**columns, **{figure: [run.get(figure) for run in runs] for figure in figures}}.items():
        rows[name] = values
    return rows, list(columns)


def data_levels(runs: Sequence[Run]) -> list[str]:
    """Returns for each run the layout of its training data, with the fingerprint where layouts are ambiguous."""
    layouts = [run.get("data", {}).get("layout", "").split(" + ")[0].split(" (")[0] for run in runs]
    fingerprints = [run.get("data", {}).get("fingerprint", "") for run in runs]
    if len(set(zip(layouts, fingerprints, strict=True))) == len(set(layouts)):
        return layouts
    return [f"{layout} {fingerprint}" for layout, fingerprint in zip(layouts, fingerprints, strict=True)]


def same_groups(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether two factors divide the runs into the same groups."""
    pairs = set(zip(first, second, strict=True))
    return len(pairs) == len(set(first)) == len(set(second))


def titles(runs: Sequence[Run]) -> dict[str, str]:
    """Returns a run's name -> its levels in words; the name itself where these do not tell all runs apart."""
    rows, factors = table(runs, [])
    names = dict.fromkeys(rows["name"])
    if not factors:
        return {name: name for name in names}
    words = rows[factors].apply(lambda row: ", ".join(f"{name} {level}" for name, level in row.items()), axis=1)
    title = dict(zip(rows["name"], words, strict=True))
    return title if len(set(title.values())) == len(title) else {name: name for name in names}


def configuration_titles(studies: Studies) -> dict[tuple[str, str], str]:
    """Returns (study, name of a configuration) -> the study, and of several configurations in it their levels."""
    result = {}
    for study, runs in studies.items():
        title = titles(runs)
        result |= {(study, name): f"{study}, {text}" if len(title) > 1 else study for name, text in title.items()}
    return result


def levels(column: pd.Series) -> list[str]:
    """Returns the levels of a factor: "default" and then numbers by size, or names in the order of the runs."""
    values = list(dict.fromkeys(column))
    typed = pd.Series([value for value in values if value != DEFAULT], dtype=object)
    sizes = numbers(typed)
    if sizes.isna().any():
        return values
    return [value for value in values if value == DEFAULT] + list(typed[sizes.argsort(kind="stable")])


def numbers(column: pd.Series) -> pd.Series:
    """Returns the levels of a factor as numbers; NaN for those that are not numbers, such as "default"."""
    return pd.to_numeric(column, errors="coerce")


def is_range(column: pd.Series) -> bool:
    """Whether the levels of a factor were drawn from a range, as in a search, rather than listed.

    Drawn levels are numbers, many, and most of them occur once.
    """
    typed = column[column != DEFAULT]
    counts = typed.value_counts()
    many = len(counts) >= MANY_LEVELS or (len(counts) >= RANGE_LEVELS and (counts == 1).mean() > 0.5)
    return bool(numbers(typed).notna().all()) and bool(many)


def is_rate(name: str) -> bool:
    """Whether a factor is a learning rate by its name, such as lr or optimizer.lr."""
    return "lr" in re.split(r"[._]", name)


def missing(runs: pd.DataFrame, factors: Factors) -> list[str]:
    """Returns the cells of the grid without a run, if at least half of its cells have one."""
    names = [*factors, "seed"]
    values = [list(dict.fromkeys(runs[name])) for name in names]
    present = set(runs[names].itertuples(index=False, name=None))
    if not factors or math.prod(map(len, values)) > 2 * len(present):
        return []
    absent = [cell for cell in itertools.product(*values) if cell not in present]
    return [" ".join(f"{name}={value}" for name, value in zip(names, cell, strict=True)) for cell in absent]
