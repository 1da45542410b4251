import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fer.evaluation.formatting import figure_title
from fer.palette import contrast
from fer.plots.study import effects_figure, learning_figure, mean_curve, two_factors_figure


def test_all_panels_of_effects_have_the_same_scale():
    runs = pd.DataFrame({"a": ["x", "y"], "b": ["u", "u"], "val/accuracy": [0.1, 0.9]})
    means = {
        name: pd.DataFrame({"level": [runs[name][0]], "runs": [1], "mean": [0.1], "half": [0.02]}) for name in "ab"
    }
    first, second = effects_figure(means, {}, runs, "val/accuracy", "validation accuracy").axes
    assert first.get_ylim() == second.get_ylim()
    (ends,) = first.containers[0].lines[2][0].get_segments()
    assert ends[:, 1].tolist() == pytest.approx([8, 12])  # in percent


def test_a_range_over_decades_is_drawn_as_dots_on_a_logarithmic_axis():
    runs = pd.DataFrame({"a": ["x", "y", "x"], "val/accuracy": [0.1, 0.9, 0.5]})
    means = {"a": pd.DataFrame({"level": ["x"], "runs": [1], "mean": [0.1], "half": [np.nan]})}
    ranges = {"lr": pd.Series([1e-4, 1e-1, np.nan]), "dropout": pd.Series([0.1, 0.2, 0.5])}
    _, rates, dropout = effects_figure(means, ranges, runs, "val/accuracy", "validation accuracy").axes
    assert (rates.get_title(), rates.get_xscale(), dropout.get_xscale()) == ("lr", "log", "linear")
    assert dropout.lines[0].get_xydata().tolist() == pytest.approx(np.array([[0.1, 10], [0.2, 90], [0.5, 50]]))


def test_cells_without_runs_are_dashes():
    means = pd.DataFrame([[0.5, np.nan]], index=pd.Index(["sgd"], name="a"), columns=pd.Index(["x", "y"], name="b"))
    texts = [text.get_text() for text in two_factors_figure(means, "validation accuracy").axes[0].texts]
    assert texts == ["50.0", "–"]


def test_curves_go_on_between_the_epochs_that_were_validated():
    curves = pd.DataFrame({"epoch": [1, 2, 3], "train/accuracy": [0.3, 0.4, 0.5], "val/accuracy": [0.2, np.nan, 0.6]})
    validated, _ = learning_figure({"lr": {"1": [curves]}}).axes[0].lines
    assert validated.get_xydata().tolist() == [[1, 20], [3, 60]]


def batches(size: int, better: float) -> pd.DataFrame:
    """A run of 60 updates, validated after every 20, with 120 / size updates an epoch."""
    updates = [20, 40, 60]
    epochs = [-(-update * size // 120) for update in updates]
    return pd.DataFrame({"epoch": epochs, "updates": updates, "val/accuracy": [better, 0.1 + better, 0.2 + better]})


def test_runs_with_other_numbers_of_epochs_are_drawn_by_update():
    groups = {"size": {"2": [batches(2, 0.1)], "8": [batches(8, 0.3)]}, "all": {"": [batches(2, 0.1), batches(8, 0.3)]}}
    *_, (of_both, _) = (axes.lines for axes in learning_figure(groups).axes)
    assert of_both.get_xydata().tolist() == pytest.approx(np.array([[20, 20], [40, 30], [60, 40]]))
    same = learning_figure({"all": {"": [batches(2, 0.1), batches(2, 0.3)]}}).axes[0]
    assert (same.get_xlabel(), same.lines[0].get_xdata().tolist()) == ("epoch", [1])


def test_a_mean_curve_ends_where_the_first_run_ends_and_never_changes_its_runs():
    short = pd.DataFrame({"epoch": [1, 2, 3], "val/accuracy": [0.1, 0.2, 0.3]})
    long = pd.DataFrame({"epoch": [2, 4, 6], "val/accuracy": [0.2, 0.4, 0.6]})
    curve = mean_curve([short, long], "epoch", "val/accuracy")
    assert curve.to_dict() == pytest.approx({2: 0.2, 3: 0.3})


def test_a_single_epoch_is_a_dot_full_for_validation_and_hollow_for_training():
    run = pd.DataFrame({"epoch": [1], "val/accuracy": [0.5], "train/accuracy": [0.6]})
    validated, trained = learning_figure({"all": {"": [run]}}).axes[0].lines
    assert [line.get_marker() for line in (validated, trained)] == ["o", "o"]
    assert (validated.get_fillstyle(), trained.get_fillstyle()) == ("full", "none")


@pytest.mark.parametrize(
    ("figure", "words"),
    [("val/accuracy", "validation accuracy"), ("test/macro_f1", "test macro F1"), ("accuracy", "accuracy")],
)
def test_figures_have_names_in_words(figure, words):
    assert figure_title(figure) == words


@pytest.mark.full
@pytest.mark.parametrize("panels", [1, 2, 3, 5])
def test_texts_of_panels_stay_inside_and_apart(panels, check_readable):
    names = [f"option.number_{n}" for n in range(panels)]
    levels = ["[[32,32],[64,64],[128,128]]", "[[32],[64],[128]]", "none"]
    runs = pd.DataFrame(dict.fromkeys(names, levels) | {"val/accuracy": [0.3, 0.5, 0.4]})
    means = {
        name: pd.DataFrame({"level": levels, "runs": 1, "mean": [0.3, 0.5, 0.4], "half": [np.nan, 0.1, 0.1]})
        for name in names
    }
    check_readable(effects_figure(means, {}, runs, "val/accuracy", "validation accuracy"))
    curves = pd.DataFrame({"epoch": [1, 2], "train/accuracy": [0.3, 0.5], "val/accuracy": [0.3, 0.4]})
    check_readable(learning_figure({name: {level: [curves] for level in levels} for name in names}))


@pytest.mark.parametrize("size", [2, 6])
def test_cells_of_two_options_are_legible(size, check_readable):
    names = [f"level {n}" for n in range(size)]
    values = np.linspace(0.3, 0.5, size * size).reshape(size, size)
    means = pd.DataFrame(values, pd.Index(names, name="optimizer"), pd.Index(names, name="optimizer.lr"))
    figure = two_factors_figure(means, "validation accuracy")
    check_readable(figure)
    axes = figure.axes[0]
    backgrounds = axes.images[0].to_rgba(100 * values).reshape(-1, 4)
    for text, background in zip(axes.texts, backgrounds, strict=True):
        assert contrast(to_hex(text.get_color()), to_hex(background)) >= 4.5
