"""One picture of a run's results, as for a slide: learning curves, confusion matrix and faces."""

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from fer.counting import counted
from fer.plots.curves import NOTHING, Reference, draw_accuracy, draw_rate
from fer.plots.faces import RIGHT, draw_faces, prediction_captions
from fer.plots.matrices import draw_matrix

COLUMNS = 8
FONT_SIZE, SMALL_FONT = 10.5, 9
"""Points of captions, and of those with a long name, whose lines are full."""
LONG_NAME = 12
"""Characters from which on a name is long."""
TITLE_WIDTH = 80  # characters
SIZE = 14.4, 8.1
"""Inches, 16:9."""
STRIP, CAPTION_LINE = 2.49, 0.22
"""Inches that the row of faces is high, and that a caption's third line and each further one adds."""


class Faces(NamedTuple):
    """Some faces of the split and their predictions."""

    images: np.ndarray  # (N, H, W), uint8 or float in [0, 1]
    true: list[str]
    predicted: list[str]
    confidence: list[float]  # probability of the predicted class, in [0, 1]


def results_figure(
    title: str,
    split: str,
    confusion: pd.DataFrame,
    faces: Faces,
    metrics: pd.DataFrame | None = None,
    reference: Reference = NOTHING,
) -> Figure:
    """Draws accuracy and learning rate by epoch, the confusion matrix and the first faces of a split.

    confusion: (C, C) counts, rows = true class. metrics: the table of metrics.csv; None leaves the curves out.
    """
    figure = Figure(figsize=SIZE, dpi=110)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    figure.suptitle(textwrap.fill(title, TITLE_WIDTH), fontsize=17, fontweight="bold", parse_math=False)
    strip = strip_height(faces)
    above, below = figure.subfigures(2, 1, height_ratios=[SIZE[1] - strip, strip], squeeze=False).flat
    if metrics is None:
        matrix = above.subplots()
    else:
        left, right = above.subfigures(1, 2, width_ratios=[1.05, 1])
        accuracy, rate = left.subplots(2, 1, sharex=True, height_ratios=[3.2, 1])
        draw_accuracy(accuracy, metrics, reference)
        draw_rate(rate, metrics)
        accuracy.set_xlabel("")
        matrix = right.subplots()
    draw_matrix(matrix, confusion, "predicted", "true", fontsize=11 if len(confusion) <= 10 else 7)
    matrix.set_title(f"Confusion matrix of the {split} images")
    draw_strip(below, faces, split)
    return figure


def strip_height(faces: Faces) -> float:
    """Returns the height in inches of the row of faces, in which captions of any length leave them their size."""
    captions, _ = prediction_captions(faces.true, faces.predicted, faces.confidence)
    lines = max(caption.count("\n") + 1 for caption in captions[:COLUMNS])
    return STRIP + CAPTION_LINE * max(0, lines - 2)


def draw_strip(figure, faces: Faces, split: str) -> None:
    """Draws the first COLUMNS faces in a row."""
    captions, colors = prediction_captions(faces.true, faces.predicted, faces.confidence)
    axes = figure.subplots()
    long = any(len(name) >= LONG_NAME for name in {*faces.true[:COLUMNS], *faces.predicted[:COLUMNS]})
    font_size = SMALL_FONT if long else FONT_SIZE
    draw_faces(axes, faces.images[:COLUMNS], captions[:COLUMNS], colors[:COLUMNS], COLUMNS, font_size)
    right = colors[:COLUMNS].count(RIGHT)
    number = len(captions[:COLUMNS])
    axes.set_title(
        f"{counted(number, f'{split} image')}, evenly spread over the split: {right} right, {number - right} wrong"
    )
