"""Matrices of counts: confusion matrices, and the labels of one source against those of another."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fer.palette import text_color

INK = "#3d3d3d"
NAME_WIDTH, MANY = 20, 10
"""Characters in a line of a class's name, and the number of classes above which rows have room for one line only."""
LINE, CHARACTER = 0.17, 0.085
"""Inches that a line of a name is high and a character wide, at most."""
PANELS = 3
"""Matrices in a row of `confusion_panels`."""
SHADES = colormaps["Blues"]


def confusion_figure(confusion: np.ndarray, classes: Sequence[str], title: str = "") -> Figure:
    """Draws (C, C) counts, rows = true class, as `matrix_figure` does."""
    return matrix_figure(confusion_table(confusion, classes), "predicted", "true", title)


def confusion_panels(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Draws several confusion matrices, PANELS in a row. tables: title -> counts as `confusion_table` returns them."""
    columns = min(PANELS, len(tables))
    rows = -(-len(tables) // columns)
    figure = Figure(figsize=(4.1 * columns, 3.5 * rows + 0.4), dpi=90, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, counts) in zip(grid, tables.items(), strict=False):
        draw_matrix(axes, counts, "", "", fontsize=8)
        axes.set(xlabel="", ylabel="")
        axes.tick_params(labelsize=8)
        axes.set_title(textwrap.fill(title, 44), fontsize=9, parse_math=False)
    for axes in grid[len(tables) :]:
        axes.axis("off")
    figure.supxlabel("predicted, % of the row", fontsize=10)
    figure.supylabel("true (images)", fontsize=10)
    return figure


def confusion_table(confusion: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(np.asarray(confusion), list(classes), list(classes))


def matrix_figure(counts: pd.DataFrame, xlabel: str, ylabel: str, title: str = "") -> Figure:
    """Draws counts with named rows and columns, see `draw_matrix`."""
    width, height = matrix_size(counts)
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    draw_matrix(figure.subplots(), counts, xlabel, ylabel)
    if title:
        figure.suptitle(textwrap.fill(title, round(11 * width)), fontsize=12, parse_math=False)
    return figure


def matrix_size(counts: pd.DataFrame) -> tuple[float, float]:
    """Returns width and height in inches of a figure whose cells have room beside the names of rows and columns."""
    rows, columns = counts.shape
    names = row_names(counts)
    row = max(0.5, LINE * max(name.count("\n") + 2 for name in names))
    left = max(2.4, 1.15 + CHARACTER * longest_line(names))
    below = max(1.7, 1.2 + 0.7 * CHARACTER * longest_line(wrapped(counts.columns)))
    return max(4.6, left + 0.62 * columns), max(3.3, below + row * rows)


def row_names(counts: pd.DataFrame) -> list[str]:
    """Returns the names of the rows with their numbers of images, in lines."""
    return wrapped([f"{name} ({images:,})" for name, images in counts.sum(axis=1).items()])


def wrapped(names: Iterable[object]) -> list[str]:
    """Returns the names in lines of at most NAME_WIDTH characters, or in one line each where there are many."""
    texts = [str(name) for name in names]
    return texts if len(texts) > MANY else [textwrap.fill(text, NAME_WIDTH) for text in texts]


def longest_line(names: Iterable[str]) -> int:
    """Returns the number of characters in the longest line."""
    return max(len(line) for name in names for line in name.split("\n"))


def draw_matrix(axes: Axes, counts: pd.DataFrame, xlabel: str, ylabel: str, fontsize: float = 10) -> None:
    """Draws each cell's share of its row as colour and in percent; cells without images are blank.

    The labels of the rows state their number of images. Cells whose row and column have the same name are outlined.
    """
    sums = counts.sum(axis=1)
    shares = counts.div(sums.clip(lower=1), axis=0).to_numpy()
    axes.imshow(shares, cmap=SHADES, vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if share > 0:
            color = text_color(to_hex(SHADES(share)))
            axes.text(column, row, whole_percent(share), ha="center", va="center", fontsize=fontsize, color=color)
        if counts.index[row] == counts.columns[column]:
            axes.add_patch(
                Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=1.5, zorder=3)
            )
    axes.set_xticks(range(counts.shape[1]), wrapped(counts.columns), rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(counts.shape[0]), row_names(counts))
    axes.tick_params(length=0)
    axes.spines[:].set_color("#cccccc")
    axes.set(xlabel=f"{xlabel}, % of the row", ylabel=f"{ylabel} (images)")


def whole_percent(share: float) -> str:
    """Returns the percentage of a positive share in [0, 1] without its sign, "<1" below one half."""
    return "<1" if share < 0.005 else f"{100 * share:.0f}"
