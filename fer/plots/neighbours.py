"""Figures of mistakes beside the most similar training faces."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer.plots import RIGHT, WRONG

TITLE = "Most confident mistakes and their most similar training faces; red: the predicted class, green: the true class"
BESIDE = 2  # mistakes side by side


class Row(NamedTuple):
    """A mistake; `alike` are training faces, each with its label and a word on how like it is. Faces are uint8."""

    face: np.ndarray
    predicted: str
    probability: float
    true: str
    alike: list[tuple[np.ndarray, str, str]]


def neighbour_sheet(rows: list[Row]) -> Figure:
    """Two mistakes a line: the face with prediction and truth, then its neighbours. A neighbour's label is red where
    it speaks for the mistake, green where it speaks for the truth."""
    lines = -(-len(rows) // BESIDE)
    count = max((len(row.alike) for row in rows), default=0)
    figure = Figure(figsize=(11, 0.5 + 1.45 * lines), dpi=110, layout="constrained")
    if not rows:
        figure.text(0.5, 0.5, "no mistakes", ha="center", va="center")
        return figure
    figure.suptitle(TITLE, fontsize=9.5)
    widths = [1.0, 0.15, *[1.0] * count, 0.35]  # the face, a gap, its neighbours, a gap
    grid = figure.add_gridspec(lines, BESIDE * len(widths) - 1, width_ratios=[*widths, *widths[:-1]])
    for index, row in enumerate(rows):
        line, first = index // BESIDE, index % BESIDE * len(widths)
        verdict = f"{row.predicted} {100 * row.probability:.0f} %\nis {row.true}"
        _show(figure.add_subplot(grid[line, first]), row.face, verdict, "black", "bold")
        for offset, (face, label, likeness) in enumerate(row.alike):
            color = {row.predicted: WRONG, row.true: RIGHT}.get(label, "black")
            _show(figure.add_subplot(grid[line, first + 2 + offset]), face, f"{label}\n{likeness}", color)
    return figure


def _show(axes: Axes, face: np.ndarray, title: str, color: str, weight: str = "normal") -> None:
    axes.imshow(face, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=8.5, color=color, fontweight=weight, pad=3)
    axes.axis("off")
