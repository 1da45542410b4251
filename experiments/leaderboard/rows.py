"""Turns stored runs into the rows of leaderboard.csv: means and standard deviations over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scores import is_main, joined

from fer.studies.provenance import commands, machine

COLUMNS = [
    "model",
    "parameters",
    "mflops",
    "ms_per_face",
    "minutes",
    "hardware",
    "seeds",
    "commit",
    "val_accuracy",
    "val_sd",
    "test_accuracy",
    "test_sd",
    "test_balanced_accuracy",
    "test_macro_f1",
    "test_without_copies",
    "test_without_near_copies",
    "test_ferplus_agrees",
    "ece",
    "views",
    "extra_data",
    "command",
]
DIGITS = {"mflops": 2, "ms_per_face": 3, "minutes": 1}
SHARES = [name for name in COLUMNS if name.startswith(("val_", "test_"))] + ["ece"]


def leaderboard(entries: Mapping[str, dict[str, Any]], costs: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    """Returns a row for each recipe: FER2013's seven classes first, then others, each sorted by test accuracy.

    entries: content of runs.jsonl.gz. costs: row -> parameters, mflops, ms_per_face.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for entry in entries.values():
        groups.setdefault(entry["row"], []).append(entry)
    order = sorted(groups, key=lambda name: (not is_main(groups[name][0]), -mean(groups[name], "test_accuracy"), name))
    table = pd.DataFrame([row(name, groups[name], costs[name]) for name in order], columns=COLUMNS)
    return table.round(DIGITS | dict.fromkeys(SHARES, 4))


def row(name: str, runs: Sequence[dict[str, Any]], cost: Mapping[str, float]) -> dict[str, Any]:
    """Returns the row of the runs of one recipe."""
    runs = sorted(runs, key=lambda run: str(run["seed"]))
    values = {column: mean(runs, column) for column in runs[0]["scores"]}
    views = joined(network.get("tta", "none") for network in runs[0]["networks"])
    return {
        "model": name,
        **cost,
        "minutes": float(np.mean([run["minutes"] for run in runs])),
        "hardware": "; ".join(dict.fromkeys(machine(run) for run in runs)),
        "seeds": joined(run["seed"] for run in runs),
        "commit": joined(run["commit"] for run in runs),
        **values,
        "val_sd": deviation(runs, "val_accuracy"),
        "test_sd": deviation(runs, "test_accuracy"),
        "views": views,
        "extra_data": runs[0]["extra_data"],
        "command": "; ".join(commands(runs)),
    }


def mean(runs: Sequence[dict[str, Any]], column: str) -> float:
    """Returns the mean of a score over seeds; NaN where a run lacks it."""
    return float(np.mean([np.nan if run["scores"][column] is None else run["scores"][column] for run in runs]))


def deviation(runs: Sequence[dict[str, Any]], column: str) -> float:
    """Returns the standard deviation of a score over seeds (n - 1); NaN for one run."""
    values = [run["scores"][column] for run in runs]
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
