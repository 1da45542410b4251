"""Figure of accuracy against cost, with a label at every point and the line of the best trade-offs."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox

from fer.palette import PALETTE

OURS = "ours"
STYLES: dict[str, dict[str, Any]] = {
    OURS: {"color": PALETTE["sad"], "marker": "o"},
    "published, clean": {"color": PALETTE["surprise"], "marker": "s"},
    "published, not comparable": {"color": PALETTE["surprise"], "marker": "s", "markerfacecolor": "white"},
}
"""Kind of a point -> its look."""
DIRECTIONS = [
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
    (1, 1),
    (-1, 1),
    (1, -1),
    (-1, -1),
    (1, 0.5),
    (1, -0.5),
    (-1, 0.5),
    (-1, -0.5),
]
DISTANCES = (7, 16, 26, 38, 50, 64)
"""Distances of a label from its point that are tried, in points."""


class Point(NamedTuple):
    """A network. cost: above 0. accuracy: in percent. kind: a key of STYLES."""

    name: str
    cost: float
    accuracy: float
    kind: str


def pareto_figure(points: Sequence[Point], cost: str, accuracy: str) -> Figure:
    """Returns accuracy against cost on a logarithmic axis; cost, accuracy: titles of the axes.

    A line joins those of our networks that no other of ours beats in both. Labels do not overlap.
    """
    figure = Figure(figsize=(9, 6.4), dpi=110, layout="constrained", facecolor="white")
    axes = figure.subplots()
    for kind, style in STYLES.items():
        part = [point for point in points if point.kind == kind]
        if part:
            costs, accuracies = [point.cost for point in part], [point.accuracy for point in part]
            axes.plot(costs, accuracies, linestyle="none", markersize=7, label=kind, **style)
    best = frontier([point for point in points if point.kind == OURS])
    axes.plot([p.cost for p in best], [p.accuracy for p in best], color=STYLES[OURS]["color"], alpha=0.4, zorder=0)
    decorate(axes, points, cost, accuracy)
    figure.draw_without_rendering()  # fixes the positions of all points in pixels
    figure.set_layout_engine("none")
    add_labels(axes, points)
    return figure


def frontier(points: Sequence[Point]) -> list[Point]:
    """Returns the points that are more accurate than every cheaper one, from cheap to expensive."""
    best: list[Point] = []
    for point in sorted(points, key=lambda point: (point.cost, -point.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def decorate(axes: Axes, points: Sequence[Point], cost: str, accuracy: str) -> None:
    """Sets scales, titles, grid and legend."""
    costs = np.array([point.cost for point in points])
    axes.set_xscale("log")
    axes.set_xlim(costs.min() / 2, costs.max() * 2)
    axes.margins(y=0.12)
    axes.set_xlabel(cost)
    axes.set_ylabel(accuracy)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if costs.max() < 100 * costs.min() else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False, fontsize=9)


def short(value: float) -> str:
    """Returns a number with its unit: 60 k, 2 M, 0.5."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def add_labels(axes: Axes, points: Sequence[Point]) -> None:
    """Writes the name of each point where it covers neither points nor other names."""
    pixels = axes.transData.transform([(point.cost, point.accuracy) for point in points])
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in pixels]
    legend = axes.get_legend()
    if legend is not None:
        taken.append(legend.get_window_extent())
    for point in sorted(points, key=lambda point: (point.kind != OURS, -point.accuracy)):
        taken.append(extent(place_label(axes, point, taken)))


def place_label(axes: Axes, point: Point, taken: Sequence[Bbox]) -> Annotation:
    """Writes a name at the first free place around its point, or else at the last that was tried."""
    for distance in DISTANCES:
        for right, up in DIRECTIONS:
            label = annotate(axes, point, right * distance, up * distance)
            box = extent(label)
            inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.figure.bbox.x1
            if inside and not any(box.overlaps(other) for other in taken):
                return label
            label.remove()
    return annotate(axes, point, DISTANCES[-1], DISTANCES[-1])


def extent(label: Annotation) -> Bbox:
    """Returns the box of the words, in pixels, without the line that leads to them."""
    label.get_window_extent()  # moves the words to their place
    return Text.get_window_extent(label)


def annotate(axes: Axes, point: Point, right: float, up: float) -> Annotation:
    """Writes the name of a point at an offset from it, in points; a thin line joins them if they are apart."""
    far = max(abs(right), abs(up)) > DISTANCES[0]
    return axes.annotate(
        point.name,
        (point.cost, point.accuracy),
        (right, up),
        textcoords="offset points",
        ha="left" if right > 0 else "right" if right < 0 else "center",
        va="bottom" if up > 0 else "top" if up < 0 else "center",
        fontsize=8,
        color="0.15" if point.kind == OURS else "0.35",
        arrowprops={"arrowstyle": "-", "color": "0.7", "linewidth": 0.6} if far else None,
    )
