import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fer.palette import contrast
from fer.plots import confusion_figure, matrix_figure
from fer.plots.matrices import confusion_panels, confusion_table


def cells(figure) -> dict[tuple[float, float], str]:
    """Returns (row, column) -> text of the cells with text."""
    return {text.get_position()[::-1]: text.get_text() for text in figure.axes[0].texts}


def test_a_cell_holds_its_share_of_the_row_and_empty_cells_are_blank():
    figure = confusion_figure(np.array([[3, 1, 0], [0, 0, 0], [1, 0, 999]]), ["happy", "sad", "fear"])
    assert cells(figure) == {(0, 0): "75", (0, 1): "25", (2, 0): "<1", (2, 2): "100"}


def test_rows_state_their_number_of_images():
    figure = confusion_figure(np.array([[1200, 34], [0, 5]]), ["happy", "sad"])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["happy (1,234)", "sad (5)"]


def test_the_diagonal_is_outlined():
    figure = confusion_figure(np.eye(3), ["a", "b", "c"])
    corners = {(patch.get_x(), patch.get_y()) for patch in figure.axes[0].patches}
    assert corners == {(-0.5, -0.5), (0.5, 0.5), (1.5, 1.5)}


def test_cells_of_the_same_name_are_outlined_where_rows_and_columns_differ():
    counts = pd.DataFrame([[3, 1, 0], [0, 0, 0]], index=["a", "b"], columns=["x", "b", "a"])
    figure = matrix_figure(counts, "voted", "labelled")
    assert {(patch.get_x(), patch.get_y()) for patch in figure.axes[0].patches} == {(1.5, -0.5), (0.5, 0.5)}


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.6, 0.7, 0.8, 1.0])
def test_numbers_are_legible_on_their_cells(share):
    axes = confusion_figure(np.array([[1000 * share, 1000 - 1000 * share], [0, 0]]), ["a", "b"]).axes[0]
    background = to_hex(axes.images[0].cmap(share))
    assert contrast(to_hex(axes.texts[0].get_color()), background) >= 4.5


@pytest.mark.full
@pytest.mark.parametrize("classes", [2, 7, 30])
@pytest.mark.parametrize(
    "name", ["emotion number", "neither happy nor sad nor surprised", "happily_and_angrily_surprised"]
)
def test_texts_stay_inside_and_apart(classes, name, check_readable):
    counts = np.random.default_rng(0).integers(0, 5000, (classes, classes))
    figure = confusion_figure(counts, [f"{name} {n}" for n in range(classes)], "12 runs of some_study_name, 71.2 %")
    check_readable(figure)
    cells = figure.axes[0].get_window_extent()
    assert min(cells.width, cells.height) >= 0.4 * figure.dpi * classes


@pytest.mark.parametrize("number", [1, 4])
def test_several_matrices_stand_side_by_side(number, check_readable):
    classes = ["angry", "happy", "surprise"]
    counts = np.random.default_rng(0).integers(1, 5000, (number, 3, 3))
    titles = [f"some_long_name_of_a_study, model a_network_{n}: 61.2 %" for n in range(number)]
    figure = confusion_panels(
        {title: confusion_table(part, classes) for title, part in zip(titles, counts, strict=True)}
    )
    panels = [axes for axes in figure.axes if axes.axison]
    assert [" ".join(axes.get_title().split()) for axes in panels] == titles
    for axes, part in zip(panels, counts, strict=True):
        np.testing.assert_allclose(axes.images[0].get_array(), part / part.sum(1, keepdims=True))
    check_readable(figure)
