"""Checks of what a reader of a figure sees: texts inside the canvas that do not cover each other."""

from collections.abc import Callable
from itertools import combinations

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


@pytest.fixture
def check_readable() -> Callable[[Figure], None]:
    """A function that fails for a figure whose texts leave the canvas or overlap."""

    def check(figure: Figure) -> None:
        assert outside(figure) == []
        assert overlapping(figure) == []

    return check


def texts(figure: Figure) -> dict[Text, Bbox]:
    """Returns the texts of a figure that are drawn, with their boxes in pixels."""
    figure.draw_without_rendering()
    visible = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    ticks = {label for axes in figure.axes for label in hidden_tick_labels(axes)}
    return {text: text.get_window_extent() for text in visible if text not in ticks}


def hidden_tick_labels(axes: Axes) -> list[Text]:
    """Returns the labels that matplotlib keeps for ticks outside the limits, and those of axes that are off."""
    hidden = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
            if not axes.axison or not low <= tick.get_loc() <= high:
                hidden += [tick.label1, tick.label2]
    return hidden


def outside(figure: Figure) -> list[str]:
    """Returns the texts that leave the canvas by more than a pixel."""
    width, height = figure.canvas.get_width_height()
    return [
        text.get_text()
        for text, box in texts(figure).items()
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]


def overlapping(figure: Figure) -> list[tuple[str, str]]:
    """Returns the pairs of horizontal texts whose boxes overlap by more than a pixel both ways."""
    boxes = [(text.get_text(), box) for text, box in texts(figure).items() if text.get_rotation() == 0]
    return [(a, b) for (a, first), (b, second) in combinations(boxes, 2) if overlap(first, second)]


def overlap(first: Bbox, second: Bbox) -> bool:
    common = Bbox.intersection(first, second)
    return common is not None and common.width > 1 and common.height > 1
