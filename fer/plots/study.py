"""Figures of a study: effects of options, two options together, learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

COLORS = ("#30638e", "#e07a3f", "#6a994e", "#7b5ea7", "#d1495b", "#edae49", "#2a9d8f", "#8d99ae", "#5c4d3c", "#111111")
MAX_COLUMNS = 3


def panels(count: int, height: float = 3.4):
    """Returns a figure and `count` axes with a common vertical scale, in rows of at most MAX_COLUMNS."""
    columns = min(count, MAX_COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(4.2 * columns, 5.5), height * rows), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[count:]:
        axes.axis("off")
    for axes in grid[:count]:
        axes.tick_params(labelleft=True)
    return figure, grid[:count]


def effects_figure(marginals: Mapping[str, pd.DataFrame], runs: pd.DataFrame, figure: str) -> Figure:
    """Draws a panel for each factor: a dot for every run, a diamond for the mean of each level, in percent.

    marginals: factor -> table as returned by `fer.studies.effects.marginal`. runs: a row for each run, shares.
    """
    drawing, grid = panels(len(marginals))
    for axes, (factor, table) in zip(grid, marginals.items(), strict=True):
        for position, row in enumerate(table.itertuples()):
            values = 100 * runs.loc[runs[factor] == row.level, figure].to_numpy(float)
            offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
            axes.plot(position + offsets, values, "o", color="#8d99ae", markersize=3.5, alpha=0.6)
            axes.plot(position, 100 * row.mean, "D", color=COLORS[0], markersize=7)
        rotated = {"rotation": 30, "ha": "right"} if max(map(len, table["level"])) > 8 else {}
        axes.set_xticks(range(len(table)), table["level"], **rotated)
        axes.set_xlim(-0.5, len(table) - 0.5)
        axes.set(title=factor, ylabel=f"{figure} [%]")
        axes.grid(axis="y", alpha=0.3)
    handles = [
        Line2D([], [], marker="o", linestyle="", color="#8d99ae", markersize=4, label="run"),
        Line2D([], [], marker="D", linestyle="", color=COLORS[0], markersize=7, label="mean"),
    ]
    grid[0].legend(handles=handles, frameon=False, fontsize=8)
    return drawing


def two_factors_figure(means: pd.DataFrame, figure: str) -> Figure:
    """Draws the mean figure of each pair of levels as colour and text; index and columns carry the factors' names."""
    values = 100 * means.to_numpy(float)
    drawing = Figure(figsize=(2.2 + 0.95 * values.shape[1], 1.4 + 0.6 * values.shape[0]), dpi=110, layout="constrained")
    axes = drawing.subplots()
    shades = axes.imshow(values, cmap="Blues", aspect="auto")
    middle = np.nanmin(values) + 0.55 * (np.nanmax(values) - np.nanmin(values))
    for (row, column), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.1f}"
        axes.text(column, row, text, ha="center", va="center", color="white" if value > middle else "black")
    axes.set_xticks(range(values.shape[1]), means.columns, rotation=30, ha="right")
    axes.set_yticks(range(values.shape[0]), means.index)
    axes.set(xlabel=means.columns.name, ylabel=means.index.name)
    drawing.colorbar(shades, label=f"mean {figure} [%]")
    return drawing


def learning_figure(groups: Mapping[str, Mapping[str, Sequence[pd.DataFrame]]], figure: str = "accuracy") -> Figure:
    """Draws a panel for each factor: mean learning curves of each level, validation solid and training dashed.

    groups: factor -> level -> a table (epoch, updates, train/…, val/…) for each run. The horizontal axis counts epochs
    if all runs have the same number of them, else updates.
    """
    runs = [run for levels in groups.values() for group in levels.values() for run in group]
    same_length = len({run["epoch"].max() for run in runs}) == 1 or not all("updates" in run for run in runs)
    along = "epoch" if same_length else "updates"
    drawing, grid = panels(len(groups))
    for axes, (factor, levels) in zip(grid, groups.items(), strict=True):
        for color, (level, group) in zip(np.resize(COLORS, len(levels)), levels.items(), strict=True):
            for split, style, fill in (("val", "-", "full"), ("train", "--", "none")):
                curve = 100 * mean_curve(group, along, f"{split}/{figure}")
                label = level if split == "val" else None
                single_point = {"marker": "o", "markersize": 4, "fillstyle": fill}
                axes.plot(
                    curve.index,
                    curve,
                    style,
                    color=color,
                    label=label,
                    linewidth=1.4,
                    **(single_point if len(curve) == 1 else {}),
                )
        axes.set(title=factor, xlabel=along, ylabel=f"{figure} [%]")
        axes.grid(alpha=0.3)
        splits = [
            Line2D([], [], color="black", linestyle="-", label="validation"),
            Line2D([], [], color="black", linestyle="--", label="training"),
        ]
        handles = axes.get_legend_handles_labels()[0] if len(levels) > 1 else []
        axes.legend(handles=[*handles, *splits], frameon=False, fontsize=8)
    return drawing


def mean_curve(runs: Sequence[pd.DataFrame], along: str, name: str) -> pd.Series:
    """Returns the mean of `name` by `along` over the range that all runs cover, interpolated linearly."""
    curves = [run.dropna(subset=[name]).groupby(along)[name].last() for run in runs if name in run]
    curves = [curve for curve in curves if len(curve)]
    if not curves:
        return pd.Series(dtype=float)
    first, last = max(curve.index[0] for curve in curves), min(curve.index[-1] for curve in curves)
    positions = sorted({place for curve in curves for place in curve.index if first <= place <= last})
    values = [np.interp(positions, curve.index, curve) for curve in curves]
    return pd.Series(np.mean(values, axis=0), index=positions)
