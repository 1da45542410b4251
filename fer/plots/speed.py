"""Figures of a benchmark: loops side by side, parts of a step, scaling."""

import textwrap
from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

from fer.plots import PALETTE

COLUMNS = {"ceiling": "neutral", "whole": "sad", "default": "happy", "keras": "angry"}
NAMES = {"ceiling": "bare step", "whole": "fer", "default": "plain PyTorch", "keras": "Keras"}
"""Column of the CSV files -> its name in figures and tables."""
PARTS = {
    "data": "disgust",
    "augmentation": "surprise",
    "transfer": "fear",
    "step": "neutral",
    "logging and the rest": "angry",
}


def speed_figure(settings: Mapping[str, pd.DataFrame], parts: Mapping[str, Mapping[str, float]]) -> Figure:
    """A row a setting, by title. Left a bar a column, from a frame of column, images_per_s, slowest, fastest and
    ratio_to_ceiling; right, where `parts` has the title, a step's milliseconds by part."""
    titles = {title: wrapped(title, 140) for title in settings}
    heights = [2 + 0.17 * titles[title].count("\n") + 0.16 * len(table) for title, table in settings.items()]
    figure = Figure(figsize=(11, sum(heights)), dpi=110, layout="constrained")
    rows = figure.subfigures(len(settings), 1, height_ratios=heights, squeeze=False)[:, 0]
    for row, (title, table) in zip(rows, settings.items(), strict=True):
        row.suptitle(titles[title], x=0.01, ha="left", fontsize=9.5)
        left, right = row.subplots(1, 2, width_ratios=[3, 2])
        speed_bars(left, table)
        if title in parts:
            part_bars(right, parts[title])
        else:
            right.axis("off")
    return figure


def wrapped(title: str, width: int) -> str:
    """The lines of a title, none longer than `width` letters."""
    return "\n".join(textwrap.fill(line, width) for line in title.split("\n"))


def speed_bars(axes: Axes, table: pd.DataFrame) -> None:
    """Horizontal bars, the first column on top, with whiskers over all rounds and the ratio beside the number."""
    colors = [PALETTE[COLUMNS[name]] for name in table["column"]]
    axes.barh(
        table["column"].map(NAMES), table["images_per_s"], xerr=whiskers(table), color=colors, capsize=3, height=0.7
    )
    ends = table["fastest"]
    for row, (end, speed, ratio) in enumerate(zip(ends, table["images_per_s"], table["ratio_to_ceiling"], strict=True)):
        axes.annotate(
            f"{speed:,.0f}  ({ratio:.2f})", (end, row), (5, 0), textcoords="offset points", va="center", fontsize=9
        )
    axes.set_xlim(0, 1.3 * ends.max())
    axes.invert_yaxis()
    axes.set_xlabel("images/s (ratio to the bare step)", fontsize=9)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)


def whiskers(table: pd.DataFrame) -> list[pd.Series]:
    """How far the slowest and the fastest round lie from the median."""
    return [table["images_per_s"] - table["slowest"], table["fastest"] - table["images_per_s"]]


def part_bars(axes: Axes, parts: Mapping[str, float]) -> None:
    """A bar a part of the step, in ms; the rest, a difference, can come out slightly below zero."""
    total = sum(parts.values())
    axes.barh(list(parts), list(parts.values()), color=[PALETTE[PARTS[name]] for name in parts], height=0.7)
    for row, value in enumerate(parts.values()):
        text = f"{value:.2f} ({100 * value / total:.0f} %)"
        axes.annotate(text, (max(value, 0), row), (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_xlim(min(0, *parts.values()), 1.45 * max(parts.values()))
    axes.invert_yaxis()
    axes.set_xlabel("ms of a step of fer", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def growth_figure(settings: Mapping[str, pd.DataFrame], label: str) -> Figure:
    """A panel a setting, by title: images_per_s, slowest and fastest against value, a line a column; `label` names the
    values."""
    figure = Figure(figsize=(6.5, 0.3 + 3.7 * len(settings)), dpi=110, layout="constrained")
    for axes, (title, table) in zip(
        figure.subplots(len(settings), 1, squeeze=False)[:, 0], settings.items(), strict=True
    ):
        for name, line in table.sort_values("value").groupby("column", sort=False):
            style = {"color": PALETTE[COLUMNS[str(name)]], "marker": "o", "capsize": 3, "label": NAMES[str(name)]}
            axes.errorbar(line["value"], line["images_per_s"], yerr=whiskers(line), **style)
        ticks = sorted(table["value"].unique())
        axes.set_xscale("log", base=2)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_ylim(bottom=0)
        axes.set_title(wrapped(title, 80), fontsize=9, loc="left")
        axes.set_xlabel(label)
        axes.set_ylabel("images/s")
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure
