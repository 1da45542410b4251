"""Report sections on grey levels, on brightness, contrast, sharpness and noise, and on mean faces, by class."""

from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd

from fer.data import statistics
from fer.exploration.dataset import UNITS, Dataset, join_words
from fer.plots.data import grey_level_figure, mean_faces_figure, measures_figure
from fer.report import Report, plain

INFORMATIVE = 10
"""Percent of a measure's variance from which the report calls it informative about the class."""


def add_grey_levels(report: Report, data: Dataset) -> None:
    levels = statistics.grey_levels(*data.training, len(data.classes))
    table = statistics.pooled(levels, data.classes)
    medians = dict(zip(data.classes, table["median"].tolist(), strict=True))
    dark, bright = min(medians, key=medians.__getitem__), max(medians, key=medians.__getitem__)
    black, white = 100 * levels.sum(0)[[0, 255]] / levels.sum()
    report.heading("Grey levels")
    report.text(
        f"The median pixel is darkest in {plain(dark)} ({medians[dark]:g}) and brightest in {plain(bright)} "
        f"({medians[bright]:g}). {black:.1f} % of all pixels are black (0), {white:.1f} % white (255)."
    )
    report.figure(grey_level_figure(levels, data.classes), "grey_levels", "histogram of grey levels in each class")
    report.table(table.round(1), "grey_levels")


def add_measures(report: Report, data: Dataset) -> None:
    """Adds brightness, contrast, sharpness and noise by class and by split."""
    _, labels = data.training
    names = list(UNITS)
    train = pd.DataFrame(data.measures[names]).iloc[: len(labels)]
    means = pd.DataFrame(data.measures.groupby(data.splits, sort=False)[names].mean())
    report.heading("Brightness, contrast, sharpness and noise")
    report.text(class_sentence(train, labels))
    report.text(shift_sentence(means, train, data))
    report.text(
        "Brightness is an image's mean, contrast its standard deviation, sharpness the variance of its Laplacian, and "
        "noise the estimate of Immerkær (1996), which takes fine texture for noise."
    )
    figure = measures_figure(train, labels, data.classes, UNITS)
    report.figure(figure, "measures", "histograms and box plots by class")
    by_class = train.groupby(np.array(data.classes)[labels])
    medians = by_class.median().loc[data.classes].round(1).add_prefix("median ")
    report.table(medians.rename_axis("class").reset_index())
    described = pd.DataFrame(by_class.describe().stack(level=0, future_stack=True)).loc[data.classes].round(3)
    report.tables["measures_by_class"] = described.rename_axis(["class", "measure"]).reset_index()
    report.table(means.round(1).add_prefix("mean ").rename_axis("split").reset_index(), "measures_by_split")


def class_sentence(train: pd.DataFrame, labels: np.ndarray) -> str:
    """Returns a sentence on the share of each measure's variance that the class explains."""
    shares = {name: 100 * statistics.explained(train[name].to_numpy(), labels) for name in UNITS}
    strongest = max(shares, key=shares.__getitem__)
    verdict = f"{strongest} alone says something" if shares[strongest] >= INFORMATIVE else "none of them says much"
    phrases = join_words([f"{share:.1f} % of the variance of {name}" for name, share in shares.items()])
    return f"The class explains {phrases}, beyond chance: {verdict} about the class."


def shift_sentence(means: pd.DataFrame, train: pd.DataFrame, data: Dataset) -> str:
    """Returns a sentence on the mean of a split that is farthest from that of training.

    means: a row for each split, a column for each measure. train: the measures of the training images.
    """
    distances = (means - means.loc["train"]).abs() / train.std()
    shifts = distances.fillna(0).to_numpy(float)
    row, column = divmod(int(shifts.argmax()), shifts.shape[1])
    split, name = str(means.index[row]), str(means.columns[column])
    chance = len(data.module.splits[split]) ** -0.5
    return (
        f"Of all means {split}'s {name} is farthest from training's: {shifts[row, column]:.2f} standard deviations "
        f"of an image, where chance gives about {chance:.2f}."
    )


def add_mean_faces(report: Report, data: Dataset) -> None:
    means, deviations = statistics.mean_faces(*data.training, len(data.classes))
    distances = statistics.distances(means)
    pairs = sorted(combinations(range(len(distances)), 2), key=lambda pair: distances[pair])
    nearest, farthest = pairs[0], pairs[-1]
    report.heading("Mean faces")
    report.text(
        f"The mean faces of {join_words([data.classes[label] for label in nearest])} are nearest to each other "
        f"({distances[nearest]:.1f} grey levels, root mean square), those of "
        f"{join_words([data.classes[label] for label in farthest])} farthest ({distances[farthest]:.1f}); around its "
        f"class's mean face an image varies by {np.sqrt((deviations**2).mean()):.0f}."
    )
    figure = partial(mean_faces_figure, means, deviations, data.classes)
    report.faces(figure, "mean_faces", "mean and deviation of each class")
