"""Figures of a study: main effects, interactions, many factors, learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

LINES = ("#30638e", "#e07a3f", "#6a994e", "#7b5ea7", "#d1495b", "#edae49", "#2a9d8f", "#8d99ae", "#5c4d3c", "#111111")
COLUMNS = 3


def panels(count: int, height: float = 3.4):
    """A figure with `count` axes, in rows of at most COLUMNS."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(max(4.2 * columns, 5.5), height * rows), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[count:]:
        axes.axis("off")
    return figure, grid[:count]


def effects_figure(marginals: Mapping[str, pd.DataFrame], runs: pd.DataFrame, figure: str) -> Figure:
    """A panel a factor: every run as a dot, the mean of each level with its 95 % interval; percent.

    marginals: as `fer.studies.effects.marginal` gives them.
    """
    drawing, grid = panels(len(marginals))
    for axes, (factor, table) in zip(grid, marginals.items(), strict=True):
        for place, row in enumerate(table.itertuples()):
            values = 100 * runs.loc[runs[factor] == row.level, figure].to_numpy(float)
            shift = np.linspace(-0.12, 0.12, len(values)) if len(values) > 1 else [0]
            axes.plot(place + np.asarray(shift), values, "o", color="#8d99ae", markersize=3.5, alpha=0.6)
            half = 100 * np.array([[row.mean - row.low], [row.high - row.mean]])
            axes.errorbar(place, 100 * row.mean, np.nan_to_num(half), fmt="D", color=LINES[0], capsize=5, markersize=6)
        turned = {"rotation": 30, "ha": "right"} if max(map(len, table["level"])) > 8 else {}
        axes.set_xticks(range(len(table)), table["level"], **turned)
        axes.set_xlim(-0.5, len(table) - 0.5)
        axes.set(title=factor, ylabel=f"{figure} [%]")
        axes.grid(axis="y", alpha=0.3)
    return drawing


def two_factors_figure(means: pd.DataFrame, figure: str) -> Figure:
    """Mean figure of each pair of levels as colour and text; index and columns carry the factors' names."""
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


def parallel_figure(runs: pd.DataFrame, levels: Mapping[str, Sequence[str]], figure: str) -> Figure:
    """A line a run across one axis a factor, coloured by the figure; best runs on top.

    levels: of each factor; numbers lie by size (logarithmic where they span decades), names in order. Runs with the
    same level lie beside each other in the order of the figure, so that none hides another.
    """
    drawing = Figure(figsize=(2.4 + 1.7 * len(levels), 4.2), dpi=110, layout="constrained")
    axes = drawing.subplots()
    values = 100 * runs[figure].to_numpy(float)
    rank = values.argsort().argsort() / max(len(values) - 1, 1) - 0.5
    places = np.column_stack(
        [heights(runs[factor], found) + 0.35 / len(found) * rank for factor, found in levels.items()]
    )
    norm = Normalize(values.min(), values.max() if values.max() > values.min() else values.min() + 1)
    colors = colormaps["viridis"]
    for row in np.argsort(values):
        axes.plot(range(len(levels)), places[row], color=colors(norm(values[row])), alpha=0.75, linewidth=1.2)
    for place, found in enumerate(levels.values()):
        axes.axvline(place, color="black", linewidth=0.6)
        shown = found if len(found) <= 8 else [found[0], found[-1]]
        for level, (height, side) in zip(shown, beside(heights(pd.Series(shown), found)), strict=True):
            axes.text(
                place + 0.03 * side,
                height,
                level,
                fontsize=8,
                ha="left" if side > 0 else "right",
                va="center",
                bbox={"color": "#ffffffc0", "pad": 1},
            )
    axes.set_xticks(range(len(levels)), levels, rotation=15, ha="right")
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(levels) - 0.6)
    drawing.colorbar(ScalarMappable(norm, "viridis"), ax=axes, label=f"{figure} [%]")
    return drawing


def heights(column: pd.Series, found: Sequence[str]) -> np.ndarray:
    """Where the levels of a factor lie on its axis, in [0, 1]."""
    numbers = pd.to_numeric(pd.Series(found), errors="coerce")
    if numbers.isna().any() or len(found) < 2:
        return column.map({level: rank / max(len(found) - 1, 1) for rank, level in enumerate(found)}).to_numpy(float)
    decades = numbers.min() > 0 and numbers.max() / numbers.min() >= 30
    norm = (LogNorm if decades else Normalize)(numbers.min(), numbers.max())
    return np.asarray(norm(pd.to_numeric(column)), dtype=float)


def beside(places: Sequence[float], room: float = 0.06) -> list[tuple[float, int]]:
    """Each place, in rising order, with the side of its label: right (1), or across from one less than `room` below."""
    found: list[tuple[float, int]] = []
    for place in places:
        close = bool(found) and place - found[-1][0] < room
        found.append((place, -found[-1][1] if close else 1))
    return found


def learning_figure(groups: Mapping[str, Mapping[str, Sequence[pd.DataFrame]]], figure: str = "accuracy") -> Figure:
    """A panel a factor, a colour a level: mean over runs, validation solid and training dashed.

    By epoch where all runs have as many, else by update. groups: factor -> level -> (epoch, updates, train/…, val/…)
    of each of its runs.
    """
    runs = [run for found in groups.values() for level in found.values() for run in level]
    alike = len({run["epoch"].max() for run in runs}) == 1 or not all("updates" in run for run in runs)
    along = "epoch" if alike else "updates"
    drawing, grid = panels(len(groups))
    for axes, (factor, found) in zip(grid, groups.items(), strict=True):
        for color, (level, mine) in zip(np.resize(LINES, len(found)), found.items(), strict=True):
            for split, style, dot in (("val", "-", "full"), ("train", "--", "none")):
                curve = 100 * mean_curve(mine, along, f"{split}/{figure}")
                label = level if split == "val" else None
                drawn = {"marker": "o", "markersize": 4, "fillstyle": dot} if len(curve) == 1 else {"linewidth": 1.4}
                axes.plot(curve.index, curve, style, color=color, label=label, **drawn)
        axes.set(title=factor, xlabel=along, ylabel=f"{figure} [%] (dashed, hollow: training)")
        axes.grid(alpha=0.3)
        if len(found) > 1:
            axes.legend(frameon=False, fontsize=8)
    return drawing


def mean_curve(runs: Sequence[pd.DataFrame], along: str, name: str) -> pd.Series:
    """Mean of `name` by `along` as far as all runs that have it go, straight lines between a run's own points."""
    found = [run.dropna(subset=[name]).groupby(along)[name].last() for run in runs if name in run]
    found = [curve for curve in found if len(curve)]
    if not found:
        return pd.Series(dtype=float)
    first, last = max(curve.index[0] for curve in found), min(curve.index[-1] for curve in found)
    places = sorted({place for curve in found for place in curve.index if first <= place <= last})
    return pd.Series(np.mean([np.interp(places, curve.index, curve) for curve in found], axis=0), index=places)


def importance_figure(importance: Mapping[str, float]) -> Figure:
    """Share of the variance that each option of a search accounts for, in percent."""
    drawing = Figure(figsize=(6, 1 + 0.4 * len(importance)), dpi=110, layout="constrained")
    axes = drawing.subplots()
    names = sorted(importance, key=importance.get)
    bars = axes.barh(names, [100 * importance[name] for name in names], color=LINES[0])
    axes.bar_label(bars, fmt="%.0f", padding=3)
    axes.set(xlabel="share of the variance between trials [%]")
    return drawing
