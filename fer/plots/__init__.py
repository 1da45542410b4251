"""Functions from arrays to matplotlib figures, in one style. This file: the figures of every run."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fer.palette import PALETTE
from fer.palette import class_colors as class_colors

RIGHT, WRONG = "#2b7a3d", "#b3261e"
CURVES = {"train": PALETTE["neutral"], "val": PALETTE["sad"]}


def face_sheet(
    images: np.ndarray, titles: Sequence[str] | None = None, colors: Sequence[str] | None = None, columns: int = 8
) -> Figure:
    """(N, H, W) faces, uint8 or float in [0, 1], in a grid with a line or two of text above each.

    One picture in one pair of axes: drawing axes for each face takes ten times as long.
    """
    height, width = images.shape[1:]
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles else 0
    step = height + 2 + round(0.13 * width * lines), width + 4
    rows = -(-len(images) // columns)
    white = 255 if images.dtype == np.uint8 else 1
    sheet = np.full((rows * step[0], columns * step[1]), white, images.dtype)
    figure = Figure(figsize=(1.25 * columns, 1.25 * columns * sheet.shape[0] / max(sheet.shape[1], 1)), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    for index, image in enumerate(images):
        bottom, left = (index // columns + 1) * step[0], index % columns * step[1] + 2
        sheet[bottom - height : bottom, left : left + width] = image
        if titles:
            place = {"x": left + width / 2, "y": bottom - height - 2, "ha": "center", "va": "bottom"}
            axes.text(
                s=titles[index], fontsize=8, linespacing=0.95, color=colors[index] if colors else "black", **place
            )
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=white)
    return figure


def prediction_sheet(images: np.ndarray, true: Sequence[str], predicted: Sequence[str]) -> Figure:
    """Faces with the predicted label; below a wrong one stands the true label."""
    titles = [p if t == p else f"{p}\n(is {t})" for t, p in zip(true, predicted, strict=True)]
    colors = [RIGHT if t == p else WRONG for t, p in zip(true, predicted, strict=True)]
    return face_sheet(images, titles, colors)


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], title: str = "") -> Figure:
    """Draws (C, C) counts, rows = true class, as `matrix_figure` does."""
    return matrix_figure(pd.DataFrame(np.asarray(confusion), classes, classes), "predicted", "true", title)


def matrix_figure(counts: pd.DataFrame, xlabel: str, ylabel: str, title: str = "") -> Figure:
    """Draws counts with named rows and columns: the share of its row as colour, share and count as text."""
    shares = counts.div(counts.sum(axis=1).clip(lower=1), axis=0).to_numpy()
    figure = Figure(figsize=(1.6 + 0.75 * counts.shape[1], 1.6 + 0.75 * counts.shape[0]), dpi=110, layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        text = f"{100 * share:.0f} %\n{counts.iat[row, column]:,}"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if share > 0.55 else "black")
    axes.set_xticks(range(counts.shape[1]), counts.columns, rotation=45, ha="right")
    axes.set_yticks(range(counts.shape[0]), counts.index)
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
    return figure


def curves_figure(metrics: pd.DataFrame) -> Figure:
    """Loss, accuracy and learning rate of a run from its metrics.csv."""
    figure = Figure(figsize=(12, 3.6), dpi=110, layout="constrained")
    panels = figure.subplots(1, 3)
    for axes, name in zip(panels, ("loss", "accuracy"), strict=False):
        for split, color in CURVES.items():
            if f"{split}/{name}" in metrics:
                curve = metrics.dropna(subset=f"{split}/{name}")
                axes.plot(curve["epoch"] + 1, curve[f"{split}/{name}"], color=color, label=split, marker=".")
        axes.set(xlabel="epoch", title=name)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    rates = [column for column in metrics if column == "lr" or column.startswith(("lr-", "lr/"))]
    for column in rates[:1]:
        rate = metrics.dropna(subset=column)
        panels[2].plot(rate["step"], rate[column], color=PALETTE["surprise"])
    panels[2].set(xlabel="step", title="learning rate")
    panels[2].grid(alpha=0.3)
    return figure
