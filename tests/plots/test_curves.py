import numpy as np
import pandas as pd
import pytest

from fer.plots.curves import Reference, curves_figure, learning_rates

TABLE = pd.DataFrame(
    {
        "epoch": [np.nan, 0, 1, np.nan, 2],
        "step": [0, 4, 9, 12, 14],
        "lr": [0.1, np.nan, np.nan, np.nan, np.nan],
        "lr-SGD": [np.nan, 0.08, 0.06, 0.05, np.nan],
        "train/loss": [np.nan, 2.0, 1.5, np.nan, 1.2],
        "train/accuracy": [np.nan, 0.2, 0.4, np.nan, 0.6],
        "val/loss": [np.nan, 1.9, 1.6, np.nan, 1.7],
        "val/accuracy": [np.nan, 0.25, 0.5, np.nan, 0.45],
    }
)


def lines(axes) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in axes.lines}


@pytest.mark.parametrize(
    "columns", [["val/loss", "val/accuracy"], ["val/loss", "val/accuracy", "train/loss", "lr-SGD"]]
)
def test_curves_take_what_the_run_logged(columns):
    table = pd.DataFrame({"epoch": [0, 1], "step": [5, 10], **{column: [0.5, 0.4] for column in columns}})
    figure = curves_figure(table)
    assert sum(len(axes.lines) for axes in figure.axes) == len(columns)


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([2.0, 1.5, 90.0], "log"), ([2.0, 0.5, 0.01], "linear"), ([1.0, 0.0, 50.0], "linear"), ([2.0], "linear")],
)
def test_a_loss_that_exploded_has_a_logarithmic_axis(losses, scale):
    table = pd.DataFrame({"epoch": range(len(losses)), "step": range(len(losses)), "val/loss": losses})
    assert curves_figure(table).axes[1].get_yscale() == scale


def test_accuracy_is_in_percent_and_epochs_count_from_one():
    accuracy = lines(curves_figure(TABLE).axes[0])
    assert accuracy["validation"][0] == [1, 2, 3]
    assert accuracy["validation"][1] == pytest.approx([25, 50, 45])


def test_the_best_epoch_and_the_majority_class_are_marked():
    accuracy = lines(curves_figure(TABLE, Reference(2, ("happy", 0.249))).axes[0])
    assert accuracy["best epoch, 2: 50.0 %"] == ([2], [50])
    assert set(accuracy["always happy: 24.9 %"][1]) == {24.9}


def test_the_learning_rate_starts_at_epoch_0_and_moves_with_the_epochs():
    epochs, rates = next(iter(lines(curves_figure(TABLE).axes[2]).values()))
    assert epochs == pytest.approx([0, 1, 2, 2.6])
    assert rates == [0.1, 0.08, 0.06, 0.05]


def test_a_run_without_an_epoch_has_empty_axes():
    accuracy, loss, rate = curves_figure(pd.DataFrame({"lr": [0.1], "step": [0]})).axes
    assert len(accuracy.lines) == len(loss.lines) == 0
    assert lines(rate) == {rate.lines[0].get_label(): ([0], [0.1])}


def test_only_the_first_parameter_group_is_drawn():
    table = pd.DataFrame({"step": [0, 5], "lr-SGD/pg1": [0.1, 0.2], "lr-SGD/pg2": [1, 2]})
    assert learning_rates(table).to_dict() == {0: 0.1, 5: 0.2}


@pytest.mark.parametrize("rows", [2, 5])
@pytest.mark.parametrize("title", ["", "FER2013: study/run", f"FER2013: {'long_name_' * 25}"])
def test_texts_stay_inside_and_apart(rows, title, check_readable):
    check_readable(curves_figure(TABLE.head(rows), Reference(1, ("surprise", 0.25)), title))


@pytest.mark.parametrize("shares", [[0.135], [0.0], [1.0], [0.13, 0.135], [0.2, 0.6]])
def test_the_axis_of_accuracy_does_not_enlarge_noise(shares):
    epochs = range(len(shares))
    axes = curves_figure(pd.DataFrame({"epoch": epochs, "step": epochs, "val/accuracy": shares})).axes[0]
    low, high = axes.get_ylim()
    assert high - low >= 10
    assert low <= 100 * min(shares) <= 100 * max(shares) <= high


def test_legends_hide_no_curve():
    figure = curves_figure(TABLE, Reference(2, ("happy", 0.249)))
    figure.draw_without_rendering()
    for axes in figure.axes[:2]:
        assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1
