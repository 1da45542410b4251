"""Groups the runs of studies by configuration, and finds the best by validation."""

import pandas as pd

from fer.studies.run_names import Run

JUDGING = ("val/accuracy", "val/balanced_accuracy", "val/macro_f1")
"""Figures of validation by which runs may be compared; larger is better."""
Studies = dict[str, list[Run]]
"""Name of a study -> its runs."""


def by_name(runs: list[Run]) -> dict[str, list[Run]]:
    """Returns name of a configuration -> its runs."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(run["name"], []).append(run)
    return groups


def configurations(studies: Studies) -> list[tuple[str, str, list[Run]]]:
    """Returns study, name and runs of each configuration."""
    return [(study, name, group) for study, runs in studies.items() for name, group in by_name(runs).items()]


def finished(runs: list[Run]) -> list[Run]:
    return [run for run in runs if run["status"] == "finished"]


def monitor(run: Run) -> str:
    """Returns the figure that chose the run's best epoch."""
    return (run["config"].get("callbacks", {}).get("checkpoint") or run["config"])["monitor"]


def judged_by(runs: list[Run]) -> str:
    """Returns the figure that chose the best epoch of all runs if it is the same one of JUDGING, else accuracy."""
    monitors = {monitor(run) for run in runs}
    return monitors.pop() if len(monitors) == 1 and monitors <= set(JUDGING) else JUDGING[0]


def comparable(runs: list[Run]) -> list[Run]:
    """Returns the runs on an official split, or all runs if there is none; other splits are not comparable."""
    return [run for run in runs if run["data"]["official_split"]] or runs


def best_of(runs: list[Run]) -> list[Run]:
    """Returns the runs of the configuration with the best mean validation figure over its seeds."""
    candidates = comparable(runs)
    figure = judged_by(candidates)
    best = pd.DataFrame(candidates).groupby("name")[figure].mean().idxmax()
    return [run for run in candidates if run["name"] == best]
