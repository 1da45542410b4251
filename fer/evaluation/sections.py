"""Report sections on predictions: accuracy, metrics of each class, confusions, ROC and precision–recall.

Each function adds a section to a report and returns its content as plain data.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fer import confusion
from fer.evaluation import curves, intervals
from fer.evaluation.curves import Curve
from fer.evaluation.formatting import FEWEST_IMAGES, METRIC_TITLES, SPLIT_TITLES, interval, percent, three_decimals
from fer.evaluation.predictions import Predictions
from fer.plots import confusion_figure
from fer.plots.evaluation import ranking_figure
from fer.report import Report, plain

LISTED_CONFUSIONS = 8
METHODS = (
    "Brackets hold 95 % confidence intervals over images, not over training seeds: Wilson intervals for accuracy and "
    f"recall, {intervals.RESAMPLES:,} bootstrap samples for balanced accuracy (the mean recall of the classes) and "
    "macro F1."
)
Estimate = dict[str, float]
"""Value, and the ends low and high of its 95 % interval, in [0, 1]."""


def estimates(predictions: Predictions) -> dict[str, Estimate]:
    """Returns each metric of METRIC_TITLES with its interval."""
    matrix = predictions.confusion
    values, ends = confusion.averages(matrix), intervals.bootstrap(matrix, confusion.averages)
    ends["accuracy"] = intervals.wilson(int(predictions.hits.sum()), len(predictions))
    return {name: {"value": float(values[name]), "low": ends[name][0], "high": ends[name][1]} for name in METRIC_TITLES}


def add_accuracy(report: Report, subsets: Mapping[str, Predictions]) -> dict[str, Any]:
    """Adds a table with a row for each subset; subsets: title -> predictions."""
    report.heading("Accuracy")
    content, rows = {}, []
    for name, subset in subsets.items():
        values = estimates(subset)
        content[name] = {"images": len(subset), **values}
        cells = {title: interval(values[key]) for key, title in METRIC_TITLES.items()}
        rows.append({"subset": name, "images": f"{len(subset):,}", **cells})
    report.table(pd.DataFrame(rows))
    report.text(METHODS)
    return content


def add_classes(report: Report, splits: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """Adds precision, recall with its interval, F1 and support of each class in each split."""
    report.heading("Classes")
    rows = [row for split, predictions in splits.items() for row in class_rows(split, predictions)]
    cells = [
        {
            "split": SPLIT_TITLES.get(row["split"], row["split"]),
            "class": row["class"],
            "images": f"{row['support']:,}",
            "precision": percent(row["precision"]),
            "recall": interval({"value": row["recall"], "low": row["recall_low"], "high": row["recall_high"]}),
            "F1": percent(row["f1"]),
        }
        for row in rows
    ]
    table = pd.DataFrame(cells)
    report.table(table.drop(columns="split") if len(splits) == 1 else table)
    report.tables["classes"] = pd.DataFrame(rows)
    return rows


def class_rows(split: str, predictions: Predictions) -> list[dict[str, Any]]:
    """Returns a row for each class: split, class, precision, recall, recall_low, recall_high, f1, support.

    Shares lie in [0, 1]; NaN for 0/0.
    """
    matrix = predictions.confusion
    metrics = confusion.per_class(matrix)
    rows = []
    for index, name in enumerate(predictions.classes):
        row = {"split": split, "class": name, **{key: float(values[index]) for key, values in metrics.items()}}
        row["support"] = int(row["support"])
        row["recall_low"], row["recall_high"] = intervals.wilson(int(matrix[index, index]), row["support"])
        rows.append(row)
    return rows


def add_confusions(report: Report, predictions: Predictions) -> dict[str, Any]:
    """Adds the confusion matrix in counts and shares, and a list of the most frequent confusions."""
    matrix, classes = predictions.confusion, predictions.classes
    report.heading("Confusions")
    report.figure(confusion_figure(matrix, classes), "confusion", "confusion matrix, rows = true class")
    for name, values in (("counts", matrix), ("shares", confusion.shares(matrix))):
        table = pd.DataFrame(values, columns=list(classes))
        table.insert(0, "true", list(classes))
        report.tables[f"confusion_{name}"] = table
    mistakes = confusion.mistakes(matrix, classes).to_dict("records")
    support = dict(zip(classes, matrix.sum(1).tolist(), strict=True))
    lines = [
        f"- {row['images']:,} of {support[row['true']]:,} *{plain(row['true'])}* images ({percent(row['share'])}) were "
        f"classified as *{plain(row['predicted'])}*"
        for row in [row for row in mistakes if support[row["true"]] >= FEWEST_IMAGES][:LISTED_CONFUSIONS]
    ]
    if lines:
        report.text("\n".join(lines))
    elif mistakes:
        report.text(f"The classes with mistakes have fewer than {FEWEST_IMAGES} images, too few to rank confusions.")
    else:
        report.text("Every image was classified correctly.")
    return {"confusion": matrix.tolist(), "mistakes": mistakes}


def add_ranking(report: Report, predictions: Predictions) -> dict[str, Any]:
    """Adds ROC and precision–recall curves of each class against the rest; returns the areas under them."""
    report.heading("Each class against the rest")
    shares = predictions.confusion.sum(1) / len(predictions)
    content, rows, roc_points, pr_points = {}, [], {}, {}
    for index, name in enumerate(predictions.classes):
        scores, positive = predictions.probabilities[:, index], predictions.labels == index
        roc, precision_recall = curves.roc(scores, positive), curves.precision_recall(scores, positive)
        if roc:
            roc_points[name] = roc.x, roc.y, roc.area
        if precision_recall:
            pr_points[name] = precision_recall.x, precision_recall.y, precision_recall.area
        content[name] = {"roc_auc": area(roc), "average_precision": area(precision_recall)}
        rows.append(
            {
                "class": name,
                "share of images": percent(shares[index]),
                "ROC AUC": three_decimals(area(roc)),
                "average precision": three_decimals(area(precision_recall)),
            }
        )
    report.table(pd.DataFrame(rows))
    report.text(
        "Random guessing has a ROC AUC of 0.5, and an average precision equal to the class's share of the images."
    )
    figure = ranking_figure(roc_points, pr_points)
    report.figure(figure, "ranking", "ROC and precision–recall curves, one line per class")
    return content


def area(curve: Curve | None) -> float:
    """Returns the area under the curve; NaN without one."""
    return curve.area if curve else float("nan")
