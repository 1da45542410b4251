"""Figures of a study: effects of options, two options together, learning curves."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from fer.palette import text_color

COLORS = ("#30638e", "#e07a3f", "#6a994e", "#7b5ea7", "#d1495b", "#edae49", "#2a9d8f", "#8d99ae", "#5c4d3c", "#111111")
DOTS = "#8d99ae"
"""Colour of single runs."""
MAX_COLUMNS = 3
LOGARITHMIC = 30
"""Ratio of the largest value to the smallest from which on an axis is logarithmic."""


def panels(count: int, height: float = 3.4):
    """Returns a figure and `count` axes with a common vertical scale, in rows of at most MAX_COLUMNS.

    Only the first of a row shows the scale.
    """
    columns = min(count, MAX_COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(4.2 * columns, 5.5), height * rows), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[count:]:
        axes.axis("off")
    return figure, grid[:count]


def effects_figure(
    marginals: Mapping[str, pd.DataFrame], ranges: Mapping[str, pd.Series], runs: pd.DataFrame, figure: str, title: str
) -> Figure:
    """Draws a panel for each factor: a dot for every run; for each level its mean and the interval of it, in percent.

    marginals: factor -> table as returned by `fer.studies.effects.marginal`. ranges: factor that was drawn from a range
    -> its value in each run; its panel has the dots alone. runs: a row for each run, shares. title: of the figure, in
    words.
    """
    drawing, grid = panels(len(marginals) + len(ranges))
    for axes, (factor, values) in zip(grid[len(marginals) :], ranges.items(), strict=True):
        draw_range(axes, values, 100 * runs[figure])
        axes.set_title(factor)
    for axes, (factor, table) in zip(grid, marginals.items(), strict=False):
        for position, row in enumerate(table.to_dict("records")):
            values = 100 * runs.loc[runs[factor] == row["level"], figure].to_numpy(float)
            offsets = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else np.zeros(1)
            axes.plot(position + offsets, values, "o", color=DOTS, markersize=3.5, alpha=0.6)
            half = None if np.isnan(row["half"]) else 100 * row["half"]
            axes.errorbar(position, 100 * row["mean"], half, fmt="D", color=COLORS[0], markersize=6, capsize=5)
        axes.set_xticks(range(len(table)), table["level"], **rotation(table["level"]))
        axes.set_xlim(-0.5, len(table) - 0.5)
        axes.set_title(factor)
        axes.grid(axis="y", alpha=0.3)
    has_intervals = any(table["half"].notna().any() for table in marginals.values())
    line, label = ("-", "mean and 95 % interval") if has_intervals else ("", "mean")
    handles = [
        Line2D([], [], marker="o", linestyle="", color=DOTS, markersize=4, label="run"),
        Line2D([], [], marker="D", linestyle=line, color=COLORS[0], markersize=6, label=label),
    ]
    drawing.legend(handles=handles[: 2 if marginals else 1], loc="outside upper center", ncols=2, frameon=False)
    drawing.supylabel(f"{title}, %", fontsize=10)
    return drawing


def draw_range(axes: Axes, values: pd.Series, percent: pd.Series) -> None:
    """Draws a dot for each run over its value of a factor, on a logarithmic axis if the values span a factor of 30."""
    axes.plot(values, percent, "o", color=DOTS, markersize=5, alpha=0.9)
    if values.min() > 0 and values.max() >= LOGARITHMIC * values.min():
        axes.set_xscale("log")
    axes.grid(alpha=0.3)


def two_factors_figure(means: pd.DataFrame, title: str) -> Figure:
    """Draws the mean figure of each pair of levels as colour and text; index and columns carry the factors' names."""
    values = 100 * means.to_numpy(float)
    size = max(4.6, 2.2 + 0.95 * values.shape[1]), 1.6 + 0.6 * values.shape[0]
    drawing = Figure(figsize=size, dpi=110, layout="constrained")
    axes = drawing.subplots()
    shades = axes.imshow(values, cmap="Blues", aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else f"{value:.1f}"
        color = "black" if np.isnan(value) else text_color(to_hex(tuple(shades.to_rgba(value))))
        axes.text(column, row, text, ha="center", va="center", color=color)
    axes.set_xticks(range(values.shape[1]), means.columns, **rotation(means.columns))
    axes.set_yticks(range(values.shape[0]), means.index)
    axes.tick_params(length=0)
    axes.set(xlabel=means.columns.name, ylabel=means.index.name)
    drawing.suptitle(f"mean {title}, %", fontsize=11)
    return drawing


def rotation(labels: Iterable[object]) -> dict[str, Any]:
    """Returns the options of tick labels that turn long ones."""
    if max((len(str(label)) for label in labels), default=0) <= 8:
        return {}
    return {"rotation": 30, "ha": "right", "rotation_mode": "anchor"}


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
        axes.set(title=factor, xlabel=along)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
        axes.grid(alpha=0.3)
        if len(levels) > 1:
            axes.legend(fontsize=8, framealpha=0.85, edgecolor="none", handlelength=1.5)
    splits = [
        Line2D([], [], color="black", linestyle="-", label="validation"),
        Line2D([], [], color="black", linestyle="--", label="training"),
    ]
    drawing.legend(handles=splits, loc="outside upper center", ncols=2, frameon=False)
    drawing.supylabel(f"{figure.replace('_', ' ')}, %", fontsize=10)
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
