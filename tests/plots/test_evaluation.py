import numpy as np
import pandas as pd
import pytest

from fer.plots import PALETTE, evaluation


def drawn(figure):
    figure.draw_without_rendering()
    return figure


BINS = pd.DataFrame(
    {"low": [0, 0.5], "high": [0.5, 1], "images": [0, 4], "confidence": [np.nan, 0.8], "accuracy": [np.nan, 0.75]}
)


@pytest.mark.parametrize("panels", [1, 2])
def test_reliability_has_bars_above_and_below(panels):
    figure = drawn(evaluation.reliability_figure({f"split {n}": BINS for n in range(panels)}))
    assert len(figure.axes) == 2 * panels
    assert figure.axes[0].patches[1].get_height() == 0.75
    assert figure.axes[panels].patches[1].get_height() == 100


def test_coverage_draws_a_line_for_each():
    curve = pd.DataFrame({"coverage": [0.5, 1.0], "accuracy": [0.9, 0.6]})
    axes = drawn(evaluation.coverage_figure({"A": curve, "B": curve})).axes[0]
    assert len(axes.lines) == 2
    assert axes.get_ylim()[0] < 60


def test_every_class_is_drawn_in_its_own_colour():
    points = (np.array([0, 1]), np.array([0, 1]), 0.5)
    figure = drawn(evaluation.ranking_figure(dict.fromkeys(("happy", "smirk"), points), {"happy": points}))
    left, right = figure.axes
    colors = {line.get_label().split(",")[0]: line.get_color() for line in left.lines}
    assert colors["happy"] == PALETTE["happy"] == right.lines[0].get_color()
    assert colors["smirk"] not in (colors["happy"], None)


def test_colours_last_for_many_classes():
    many = [f"class {n}" for n in range(30)]
    assert set(evaluation.class_colors(many)) == set(many)


def test_intervals_stand_in_the_order_of_the_table():
    table = pd.DataFrame({"name": ["A", "B"], "value": [0.5, 0.7], "low": [0.4, 0.6], "high": [0.6, 0.9]})
    axes = drawn(evaluation.intervals_figure(table, "accuracy")).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A", "B"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    assert axes.lines[0].get_xdata().tolist() == [50, 70]


def test_agreement_is_written_into_its_cells():
    axes = drawn(evaluation.agreement_figure(np.array([[1, 0.64], [0.64, 1]]), ["A", "B"])).axes[0]
    assert [text.get_text() for text in axes.texts] == ["100", "64", "64", "100"]
