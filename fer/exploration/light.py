"""Report section on grey levels, brightness, contrast, sharpness, noise and mean faces, by class."""

from functools import partial

import numpy as np

from fer.data import statistics
from fer.exploration.examined import UNITS, Data, listed
from fer.report import Report, plain


def grey_levels(report: Report, data: Data) -> None:
    from fer.plots.data import grey_level_figure

    levels = statistics.grey_levels(*data.training, len(data.classes))
    table = statistics.pooled(levels, data.classes)
    dark, bright = table.loc[table["median"].idxmin()], table.loc[table["median"].idxmax()]
    black, white = 100 * levels.sum(0)[[0, 255]] / levels.sum()
    report.heading("Grey levels")
    report.text(
        f"The median pixel is darkest in {plain(dark['class'])} ({dark['median']:g}) and brightest in "
        f"{plain(bright['class'])} ({bright['median']:g}). {black:.1f} % of all pixels are black (0), {white:.1f} % "
        "white (255)."
    )
    report.figure(grey_level_figure(levels, data.classes), "grey_levels", "histogram of grey levels in each class")
    report.table(table.round(1), "grey_levels")


def measures(report: Report, data: Data) -> None:
    from fer.plots.data import measures_figure

    _, labels = data.training
    mine = data.measures.iloc[: len(labels)]
    shares = {name: 100 * statistics.explained(mine[name].to_numpy(), labels) for name in UNITS}
    strongest = max(shares, key=shares.get)
    means = data.measures.groupby(data.splits, sort=False)[list(UNITS)].mean()
    shift = ((means - means.loc["train"]).abs() / mine[list(UNITS)].std()).fillna(0)
    split, name = shift.stack().idxmax()
    report.heading("Brightness, contrast, sharpness and noise")
    verdict = f"{strongest} alone says something" if shares[strongest] >= 10 else "none of them says much"
    report.text(
        "The class explains "
        + listed([f"{share:.1f} % of the variance of {name}" for name, share in shares.items()])
        + f", beyond chance: {verdict} about the class."
    )
    report.text(
        f"Of all means {split}'s {name} is farthest from training's: {shift.loc[split, name]:.2f} standard deviations "
        f"of an image, where chance gives about {len(data.module.splits[split]) ** -0.5:.2f}."
    )
    report.text(
        "Brightness is an image's mean, contrast its standard deviation, sharpness the variance of its Laplacian, and "
        "noise the estimate of Immerkær (1996), which takes fine texture for noise."
    )
    report.figure(measures_figure(mine, labels, data.classes, UNITS), "measures", "histograms and box plots by class")
    by_class = mine[list(UNITS)].groupby(np.array(data.classes)[labels])
    report.table(by_class.median().loc[data.classes].round(1).add_prefix("median ").rename_axis("class").reset_index())
    described = by_class.describe().stack(level=0, future_stack=True).loc[data.classes].round(3)
    report.tables["measures_by_class"] = described.rename_axis(["class", "measure"]).reset_index()
    report.table(means.round(1).add_prefix("mean ").rename_axis("split").reset_index(), "measures_by_split")


def mean_faces(report: Report, data: Data) -> None:
    from fer.plots.data import mean_faces_figure

    means, deviations = statistics.mean_faces(*data.training, len(data.classes))
    apart = statistics.distances(means)
    pairs = sorted(zip(*np.triu_indices(len(apart), 1), strict=True), key=lambda pair: apart[pair])
    near, far = ([data.classes[label] for label in pair] for pair in (pairs[0], pairs[-1]))
    report.heading("Mean faces")
    report.text(
        f"The mean faces of {listed(near)} are nearest to each other ({apart[pairs[0]]:.1f} grey levels, root mean "
        f"square), those of {listed(far)} farthest ({apart[pairs[-1]]:.1f}); around its class's mean face an image "
        f"varies by {np.sqrt((deviations**2).mean()):.0f}."
    )
    figure = partial(mean_faces_figure, means, deviations, data.classes)
    report.faces(figure, "mean_faces", "mean and deviation of each class")
