"""Learning curves of a run."""

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fer.palette import PALETTE

LINES = {"train": ("training", "#6b7785"), "val": ("validation", PALETTE["sad"])}
"""Split -> its name and colour."""
BEST_COLOR, MAJORITY_COLOR, RATE_COLOR = "#b3261e", "#3d3d3d", "#a8501a"

TITLE_WIDTH, LABEL_WIDTH = 110, 34  # characters
LEAST_RANGE = 10.0
"""Percentage points that the axis of accuracy spans at least, so that noise looks small."""
EXPLODED = 30
"""A loss exploded if it rose to this multiple of its minimum."""


class Reference(NamedTuple):
    """What the curves of a run are compared with."""

    best: int | None = None  # epoch, from 1, whose weights are scored
    majority: tuple[str, float] | None = None  # commonest training class, and its share of validation in [0, 1]


NOTHING = Reference()


def curves_figure(metrics: pd.DataFrame, reference: Reference = NOTHING, title: str = "") -> Figure:
    """Draws accuracy, loss and learning rate by epoch from the table of metrics.csv."""
    figure = Figure(figsize=(13, 4.2), dpi=110, layout="constrained")
    accuracy, loss, rate = figure.subplots(1, 3)
    draw_accuracy(accuracy, metrics, reference)
    draw_loss(loss, metrics, reference)
    draw_rate(rate, metrics)
    if title:
        figure.suptitle(textwrap.fill(title, TITLE_WIDTH), fontsize=13, parse_math=False)
    return figure


def draw_accuracy(axes: Axes, metrics: pd.DataFrame, reference: Reference = NOTHING) -> None:
    """Draws accuracy in percent, the best epoch, and the accuracy of always predicting the commonest class."""
    curves = draw_curves(axes, metrics, "accuracy", 100)
    if reference.majority:
        name, share = reference.majority
        label = textwrap.fill(f"always {name}: {100 * share:.1f} %", LABEL_WIDTH)
        axes.axhline(100 * share, color=MAJORITY_COLOR, linestyle=":", linewidth=1.5, label=label)
    best, validation = reference.best, curves.get("val")
    if best is not None and validation is not None and best in validation.index:
        value = validation.loc[best]
        label = f"best epoch, {best}: {value:.1f} %"
        axes.plot(best, value, "o", color=BEST_COLOR, markersize=9, zorder=3, label=label)
    axes.set_ylabel("accuracy, %")
    axes.set_ylim(widened(*axes.get_ylim()))
    add_legend(axes)


def widened(low: float, high: float) -> tuple[float, float]:
    """Returns the limits in percent, or wider ones around their middle that span LEAST_RANGE."""
    if high - low >= LEAST_RANGE:
        return low, high
    start = min(max(0.0, (low + high - LEAST_RANGE) / 2), 100 - LEAST_RANGE)
    return start, start + LEAST_RANGE


def draw_loss(axes: Axes, metrics: pd.DataFrame, reference: Reference = NOTHING) -> None:
    """Draws the loss, and a line at the best epoch. One that exploded has a logarithmic axis."""
    curves = draw_curves(axes, metrics, "loss")
    if any(map(exploded, curves.values())) and all((curve > 0).all() for curve in curves.values()):
        axes.set_yscale("log")
    if reference.best is not None:
        label = f"best epoch, {reference.best}"
        axes.axvline(reference.best, color=BEST_COLOR, linestyle="--", linewidth=1.2, label=label)
    axes.set_ylabel("loss")
    add_legend(axes)


def exploded(curve: pd.Series) -> bool:
    """Whether a curve rose far above its minimum after it."""
    values = curve.to_numpy(float)
    return len(values) > 1 and bool(values.argmax() > values.argmin() and values.max() >= EXPLODED * values.min())


def draw_rate(axes: Axes, metrics: pd.DataFrame) -> None:
    """Draws the learning rate by epoch."""
    set_up(axes, metrics)
    rates = learning_rates(metrics)
    if len(rates):
        marker = "o" if len(rates) == 1 else ""
        epochs = epochs_of_steps(metrics, rates.index.to_numpy())
        axes.plot(epochs, rates, color=RATE_COLOR, marker=marker, clip_on=False, linewidth=1.8)
        axes.set_ylim(0, 1.1 * max(rates.max(), 1e-12))
    axes.set_ylabel("learning rate")


def learning_rates(metrics: pd.DataFrame) -> pd.Series:
    """Returns the learning rate of the first parameter group by step.

    "lr" holds that of step 0, and a column such as "lr-SGD" or "lr-SGD/pg1" those of later steps.
    """
    names = [name for name in metrics.columns if name == "lr" or name.startswith(("lr-", "lr/"))]
    first = [name for name in names if name == "lr"] + [name for name in names if name != "lr"][:1]
    table = metrics.dropna(subset=first, how="all") if first else metrics.iloc[:0]
    if table.empty:
        return pd.Series(dtype=float)
    rates = table[first].bfill(axis=1).iloc[:, 0]
    return rates.groupby(table["step"]).last()


def draw_curves(axes: Axes, metrics: pd.DataFrame, name: str, scale: float = 1) -> dict[str, pd.Series]:
    """Draws `<split>/<name>` of each split, multiplied by `scale`; returns the curves by epoch from 1."""
    curves = {}
    for split, (label, color) in LINES.items():
        if f"{split}/{name}" in metrics:
            curve = scale * metrics.dropna(subset=f"{split}/{name}").groupby("epoch")[f"{split}/{name}"].last()
            curve.index = curve.index.astype(int) + 1
            marker = "o" if len(curve) == 1 else "." if len(curve) <= 20 else ""
            axes.plot(curve.index, curve, color=color, label=label, marker=marker, linewidth=1.8)
            curves[split] = curve
    set_up(axes, metrics)
    return curves


def set_up(axes: Axes, metrics: pd.DataFrame) -> None:
    """Gives all panels of a run the same horizontal axis: whole epochs from the start of training, 0, to its end."""
    last = metrics["epoch"].max() if "epoch" in metrics else np.nan  # no column before the end of the first epoch
    end = 1 if np.isnan(last) else last + 1
    axes.set(xlim=(0, 1.03 * end), xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def add_legend(axes: Axes) -> None:
    """Adds a legend above the axes, where it hides no curve."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)


def epochs_of_steps(metrics: pd.DataFrame, steps: np.ndarray) -> np.ndarray:
    """Returns the epochs, with fractions, that were done at `steps`; step 0 is epoch 0."""
    if "epoch" not in metrics or metrics["epoch"].isna().all():
        return np.zeros(len(steps))
    ends = metrics.dropna(subset=["epoch", "step"]).groupby("epoch")["step"].max()
    return np.interp(steps, [0, *ends], [0, *(ends.index + 1)])
