"""Learning curves: the figures of every epoch, out of a run's metrics.csv and kept with what is stored of it."""

from pathlib import Path

import pandas as pd

CURVES = ("train/loss", "val/loss", "train/accuracy", "val/accuracy")


def read(metrics: Path) -> list[dict[str, float]]:
    """epoch (from 1) and CURVES of each epoch in a metrics.csv, with four digits; empty where there is no such file."""
    if not metrics.is_file():
        return []
    table = pd.read_csv(metrics)
    there = [name for name in CURVES if name in table]
    if not there:
        return []
    curves = table.dropna(how="all", subset=there).groupby("epoch")[there].last().round(4).reset_index()
    curves["epoch"] = curves["epoch"].astype(int) + 1
    return [row.dropna().to_dict() for _, row in curves.iterrows()]
