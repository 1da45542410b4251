"""Gives the runs of a study names and an order: one name for each configuration, shared by its seeds."""

import re
import shlex
from collections.abc import Iterable
from typing import Any

from fer import naming
from fer.identity import configuration_identity

Run = dict[str, Any]
"""The content of a metrics.json, with the run's `name` and the path of its `predictions`."""

NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")


def latest(runs: list[Run]) -> list[Run]:
    """Returns one run for each identity: the last that finished, or the last."""
    unfinished_first = sorted(runs, key=lambda run: run["status"] == "finished")
    latest = {run.get("identity") or (run["name"], run["config"]["seed"]): run for run in unfinished_first}
    return list(latest.values())


def named(runs: list[Run]) -> list[Run]:
    """Gives each configuration one name for all its seeds, which no other configuration has."""
    by_setting: dict[str, list[Run]] = {}
    for run in runs:
        by_setting.setdefault(configuration_identity(run), []).append(run)
    names = {setting: group[-1]["name"] for setting, group in by_setting.items()}
    for name in set(names.values()):
        same_name = [setting for setting in names if names[setting] == name]
        if len(same_name) > 1:
            names |= _distinct_names(name, {setting: by_setting[setting][-1] for setting in same_name})
    for setting, group in by_setting.items():
        for run in group:
            run["name"] = names[setting]
    return runs


def _distinct_names(name: str, runs: dict[str, Run]) -> dict[str, str]:
    """Returns setting -> `name` followed by what distinguishes it from the others, or by a part of its hash."""
    titles = naming.names([_overrides(run) for run in runs.values()])
    if len(set(titles)) < len(titles):
        return {setting: f"{name}-{setting[:8]}" for setting in runs}
    return {setting: f"{name}_{title}" for setting, title in zip(runs, titles, strict=True)}


def _overrides(run: Run) -> list[str]:
    """Returns the options in the run's command line."""
    return [word for word in shlex.split(run.get("command") or "")[3:] if not word.startswith("-")]


def in_order(runs: Iterable[Run]) -> list[Run]:
    return sorted(runs, key=lambda run: (natural(run["name"]), run["config"]["seed"]))


def natural(name: str) -> list[str | float]:
    """Returns a sort key that orders numbers in a name by size: 8 before 16, 1e-05 before 0.001."""
    return [float(part) if index % 2 else part for index, part in enumerate(NUMBER.split(name))]
