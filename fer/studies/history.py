"""Learning curves from a run's metrics.csv, by epoch and update."""

from pathlib import Path

import pandas as pd

from fer import runs

CURVES = ("train/loss", "val/loss", "train/accuracy", "val/accuracy")


def read(metrics: Path) -> list[dict[str, float]]:
    """Returns a row for each update with any of CURVES: epoch, updates (both from 1) and the figures, with four digits.

    Empty without the file.
    """
    if not metrics.is_file():
        return []
    try:
        table = pd.read_csv(metrics)
        table[["epoch", "step"]].astype(float)
    except (OSError, ValueError, KeyError) as error:
        runs.say_once(f"{metrics}: {runs.damage(error)}; no curves of this run")
        return []
    names = [name for name in CURVES if name in table]
    if not names:
        return []
    curves = table.dropna(how="all", subset=names).groupby("step")[["epoch", *names]].last().round(4).reset_index()
    curves.insert(0, "epoch", curves.pop("epoch").astype(int) + 1)
    curves.insert(1, "updates", curves.pop("step").astype(int) + 1)
    return [{str(name): value for name, value in row.dropna().items()} for _, row in curves.iterrows()]
