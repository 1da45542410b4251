"""Figures of an evaluation: reliability, coverage, ROC and precision–recall, comparisons."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from fer.plots import PALETTE, class_colors

BAR, INK = PALETTE["sad"], "#3d3d3d"
FEW = 10  # images; the bar of fewer is pale
LINES = tuple(PALETTE[name] for name in ("sad", "angry", "disgust", "happy", "fear", "contempt", "surprise", "neutral"))
Points = tuple[np.ndarray, np.ndarray, float]


def reliability_figure(panels: Mapping[str, pd.DataFrame]) -> Figure:
    """Title -> bins with low, high, images, confidence, accuracy: accuracy in each over the share of images in it.

    Dots stand at the mean confidence; bars of fewer than FEW images are pale.
    """
    figure = Figure(figsize=(4.4 * len(panels) + 0.3, 4.8), dpi=110)
    figure.set_layout_engine("constrained", wspace=0.06)  # 1.0 of one panel and 0.0 of the next
    grid = figure.subplots(2, len(panels), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1])
    for (above, below), (title, bins) in zip(grid.T, panels.items(), strict=True):
        width = bins["high"] - bins["low"]
        above.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
        colors = [to_rgba(BAR, 0.2 if images < FEW else 0.75) for images in bins["images"]]
        above.bar(bins["low"], bins["accuracy"], width, align="edge", color=colors, edgecolor="white")
        there = bins.dropna()
        above.plot(there["confidence"], there["accuracy"], "o", color=INK, markersize=4)
        above.set(xlim=(0, 1), ylim=(0, 1), title=title)
        below.bar(
            bins["low"], 100 * bins["images"] / bins["images"].sum(), width, align="edge", color=PALETTE["neutral"]
        )
        below.set_xlabel("confidence (largest probability)")
    grid[0, 0].set_ylabel("accuracy")
    grid[1, 0].set_ylabel("% of images")
    return figure


def coverage_figure(curves: Mapping[str, pd.DataFrame]) -> Figure:
    """Name -> coverage and accuracy, shares in [0, 1]."""
    size = (10.2, max(3.8, 0.9 + 0.2 * len(curves))) if len(curves) > 1 else (6.4, 3.8)
    figure = Figure(figsize=size, dpi=110, layout="constrained")
    axes = figure.subplots()
    lowest = 1.0
    for index, (name, curve) in enumerate(curves.items()):
        shown = curve[curve["coverage"] >= 0.05]  # the accuracy of fewer images is noise
        axes.plot(100 * shown["coverage"], 100 * shown["accuracy"], label=name, **_line(index))
        lowest = min(lowest, shown["accuracy"].min())
    axes.set(xlabel="% of images answered, most confident first", ylabel="accuracy on answered images, %")
    axes.set(xlim=(0, 100), ylim=(max(0, 10 * np.floor(10 * lowest) - 2), 101))
    axes.grid(alpha=0.3)
    if len(curves) > 1:
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.02), frameon=False, fontsize=9)
    return figure


def _line(index: int) -> dict[str, Any]:
    """Returns colour and line style, different for each of 24 lines."""
    return {"color": LINES[index % len(LINES)], "linestyle": ("-", "--", ":")[index // len(LINES) % 3]}


def ranking_figure(roc: Mapping[str, Points], precision_recall: Mapping[str, Points]) -> Figure:
    """Class -> x, y and area, twice: ROC beside precision–recall, a line a class."""
    figure = Figure(figsize=(9.2, 5.8), dpi=110, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1)
    _lines(left, roc, "AUC")
    _lines(right, precision_recall, "AP")
    left.set(title="ROC, each class against the rest", xlabel="false positive rate", ylabel="true positive rate")
    right.set(title="precision–recall", xlabel="recall", ylabel="precision")
    return figure


def _lines(axes: Axes, curves: Mapping[str, Points], area: str) -> None:
    colors = class_colors(list(curves))
    for name, (x, y, value) in curves.items():
        axes.plot(x, y, color=colors[name], label=f"{name}, {area} {value:.3f}")
    axes.set(xlim=(-0.01, 1.01), ylim=(0, 1.01))
    axes.set_box_aspect(1)
    axes.grid(alpha=0.3)
    if curves:
        columns = 2 if len(curves) > 3 else 1
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), frameon=False, fontsize=9, ncols=columns)


def intervals_figure(table: pd.DataFrame, label: str) -> Figure:
    """name, value, low, high, shares in [0, 1]: a point and its interval for each row, in their order from above."""
    figure = Figure(figsize=(8, 1.1 + 0.36 * len(table)), dpi=110, layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(table))
    value, low, high = (100 * table[column].to_numpy() for column in ("value", "low", "high"))
    axes.errorbar(value, rows, xerr=[value - low, high - value], fmt="o", color=BAR, capsize=4, markersize=6)
    axes.set_yticks(rows, table["name"])
    axes.set(xlabel=label, ylim=(len(table) - 0.5, -0.5))
    axes.grid(axis="x", alpha=0.3)
    return figure


def agreement_figure(matrix: np.ndarray, names: Sequence[str]) -> Figure:
    """(M, M) shares of images that two give the same class, as colour and text."""
    side = 1.4 + 0.62 * len(names)
    figure = Figure(figsize=(side + 0.6, side), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(matrix):
        color = "white" if share > 0.55 else "black"
        axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=9, color=color)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_title("same class, % of images", fontsize=10)
    return figure
