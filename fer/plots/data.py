"""Figures of a data set: class counts, sample faces, grey levels, measures by class, votes."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fer.plots import class_colors

BINS = 64  # of 256 grey levels: finer bins show rounding from earlier contrast stretching
GAP = 3  # pixels between two faces
PIXELS = 50  # of a face in an inch


def counts_figure(counts: Mapping[str, Mapping[str, int]]) -> Figure:
    """Draws split -> class -> images: a panel for each split, bars for shares, the number of images beside each bar."""
    classes = list(next(iter(counts.values())))
    colors = list(class_colors(classes).values())
    figure = Figure(figsize=(12, 1.1 + 0.36 * len(classes)), dpi=110, layout="constrained")
    panels = figure.subplots(1, len(counts), sharex=True, sharey=True, squeeze=False)[0]
    shares = {split: 100 * np.array([*of.values()]) / max(sum(of.values()), 1) for split, of in counts.items()}
    for axes, (split, of) in zip(panels, counts.items(), strict=True):
        axes.barh(range(len(classes)), shares[split], color=colors)
        axes.set_yticks(range(len(classes)), classes)
        for row, (count, share) in enumerate(zip(of.values(), shares[split], strict=True)):
            axes.text(share, row, f" {count:,}", va="center", fontsize=9)
        axes.set(title=f"{split}: {sum(of.values()):,} images", xlabel="share of the split [%]")
    panels[0].set_xlim(0, 1.22 * max(share.max() for share in shares.values()))
    panels[0].xaxis.set_major_locator(MaxNLocator(6, integer=True))
    panels[0].invert_yaxis()
    return figure


def mosaic(rows: Sequence[Sequence[np.ndarray]], white: float = 255) -> np.ndarray:
    """Rows of (H, W) faces, the same number in each or fewer, as one array; `white` between and beside them."""
    height = max(face.shape[0] for row in rows for face in row) + GAP
    width = max(face.shape[1] for row in rows for face in row) + GAP
    sheet = np.full((height * len(rows) - GAP, width * max(map(len, rows)) - GAP), white, dtype=np.float32)
    for y, row in enumerate(rows):
        for x, face in enumerate(row):
            top = y * height + (height - GAP - face.shape[0]) // 2  # smaller ones in the middle
            left = x * width + (width - GAP - face.shape[1]) // 2
            sheet[top : top + face.shape[0], left : left + face.shape[1]] = face
    return sheet


def faces_in_rows(
    rows: Sequence[Sequence[np.ndarray]], names: Sequence[str], columns: Sequence[str] | None = None
) -> Figure:
    """Rows of (H, W) faces in 0–255, each row with its name on the left, each column with its name on top."""
    sheet = mosaic(rows)
    most, left, top, edge = max(map(len, rows)), 0.2 + 0.085 * max(map(len, names)), 0.3 if columns else 0.05, 0.05
    width, height = sheet.shape[1] / PIXELS, sheet.shape[0] / PIXELS
    size = np.array([left + width + edge, edge + height + top])
    figure = Figure(figsize=tuple(size), dpi=110)
    axes = figure.add_axes((left / size[0], edge / size[1], width / size[0], height / size[1]))
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255)
    axes.set_yticks(middles(len(rows), sheet.shape[0]), names, fontsize=11)
    axes.set_xticks(middles(most, sheet.shape[1]) if columns else [], columns or [], fontsize=11)
    bare(axes)
    return figure


def middles(cells: int, size: int) -> np.ndarray:
    """Returns the positions of the centres of `cells` cells along `size` pixels."""
    return (np.arange(cells) + 0.5) * (size + GAP) / cells - GAP / 2 - 0.5


def bare(axes: Axes) -> None:
    """Removes frame and tick marks and puts the names of columns on top."""
    axes.tick_params(length=0, bottom=False, labelbottom=False, top=False, labeltop=True)
    axes.spines[:].set_visible(False)


def grey_level_figure(levels: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draws (C, 256) pixel counts: a panel for each class, its histogram filled, that of all classes as a line."""
    binned = levels.reshape(len(levels), BINS, -1).sum(2)
    shares = 100 * binned / np.maximum(binned.sum(1, keepdims=True), 1)
    overall, edges = 100 * binned.sum(0) / binned.sum(), np.linspace(0, 256, BINS + 1)
    lines = -(-len(classes) // 4)
    figure = Figure(figsize=(12, 0.6 + 2.1 * lines), dpi=110, layout="constrained")
    panels = figure.subplots(lines, 4, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(classes) :]:
        axes.axis("off")
    for axes, name, class_shares, color in zip(
        panels.flat, classes, shares, class_colors(classes).values(), strict=False
    ):
        axes.stairs(class_shares, edges, fill=True, color=color)
        axes.stairs(overall, edges, color="black", linewidth=0.9)
        axes.set_title(name)
    panels[0, 0].set_xticks([0, 64, 128, 192, 255])
    figure.supxlabel("grey level (line: all classes)", fontsize=10)
    figure.supylabel("share of pixels [%]", fontsize=10)
    return figure


def measures_figure(
    table: pd.DataFrame, labels: np.ndarray, classes: Sequence[str], units: Mapping[str, str]
) -> Figure:
    """Draws a row for each measure (column of `table` named in `units`): histograms and box plots of the classes.

    Boxes are quartiles, whiskers reach to 1.5 interquartile ranges, points lie beyond. Where a few values lie far above
    all others, the axes end at the 99th percentile.
    """
    height = max(3.1, 0.9 + 0.3 * len(classes))
    figure = Figure(figsize=(12, height * len(units)), dpi=110)
    figure.set_layout_engine("constrained", h_pad=0.1)
    panels = figure.subplots(len(units), 2, squeeze=False)
    bins = int(np.clip(np.sqrt(np.bincount(labels, minlength=len(classes)).min()), 8, 30))
    for (left, right), (name, unit) in zip(panels, units.items(), strict=True):
        values = table[name].to_numpy()
        groups = [values[labels == label] for label in range(len(classes))]
        low, high = limits(values)
        edges = np.linspace(low, high, bins + 1)
        for group, color in zip(groups, class_colors(classes).values(), strict=True):
            shares = np.histogram(group, edges)[0] / max(len(group), 1)
            left.stairs(100 * shares, edges, color=color, linewidth=1.4)
        boxes = right.boxplot(groups, tick_labels=list(classes), **BOXES)
        for box, color in zip(boxes["boxes"], class_colors(classes).values(), strict=True):
            box.set(facecolor=color, alpha=0.85)
        for line in boxes["medians"]:
            line.set_color("black")
        right.invert_yaxis()
        if high < np.percentile(values, 99.5):
            right.set_xlim(-0.02 * high, high)
        left.set(title=name, xlabel=unit, ylabel="share of the class [%]")
        right.set(title=name, xlabel=unit)
    if len(classes) <= 10:
        panels[0, 0].legend(classes, frameon=False, fontsize=8)
    return figure


BOXES = {
    "orientation": "horizontal",
    "patch_artist": True,
    "widths": 0.65,
    "flierprops": {"marker": ".", "markersize": 5, "markerfacecolor": "#444", "markeredgewidth": 0, "alpha": 0.4},
}


def limits(values: np.ndarray) -> tuple[float, float]:
    """Returns the limits of the axis of a measure: without the outermost thousandths, and without a long upper tail."""
    low, middle, most, high = np.percentile(values, [0.1, 50, 99, 99.9])
    return low, max(most if high > 5 * middle else high, low + 1)


def mean_faces_figure(means: np.ndarray, deviations: np.ndarray, classes: Sequence[str]) -> Figure:
    """(C, H, W) twice, in grey levels: the mean face of each class in grey, its standard deviation below in colour."""
    figure = Figure(figsize=(1.4 * len(classes) + 1, 3.1), dpi=110, layout="constrained")
    top, bottom = figure.subplots(2, 1)
    grey = mosaic([[*means]])
    top.imshow(grey, cmap="gray", vmin=0, vmax=255)
    heat = bottom.imshow(mosaic([[*deviations]], white=np.nan), cmap="magma", vmin=deviations.min())
    top.set_xticks(middles(len(classes), grey.shape[1]), classes, fontsize=11)
    bottom.set_xticks([])
    for axes, name in ((top, "mean"), (bottom, "sd")):
        axes.set_yticks(middles(1, grey.shape[0]), [name], fontsize=11)
        bare(axes)
    figure.colorbar(heat, ax=[top, bottom], label="sd [grey levels]", shrink=0.7, aspect=16)
    return figure
