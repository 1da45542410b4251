"""Report sections on predictions: metrics, classes, confusions, ranking. Each also returns plain data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fer import confusion
from fer.evaluation import curves, intervals
from fer.evaluation.predictions import Predictions
from fer.plots import confusion_figure
from fer.plots.evaluation import ranking_figure
from fer.report import Report, plain

FIGURES = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1"}
SPLITS = {"train": "training", "val": "validation", "test": "test"}
LISTED_CONFUSIONS = 8
METHODS = (
    "Brackets hold 95 % confidence intervals over images, not over training seeds: Wilson intervals for accuracy and "
    f"recall, {intervals.RESAMPLES:,} bootstrap samples for balanced accuracy (the mean recall of the classes) and "
    "macro F1."
)
Estimate = dict[str, float]


def estimates(shown: Predictions) -> dict[str, Estimate]:
    """Returns each of FIGURES as its value and the ends low and high of its 95 % interval, in [0, 1]."""
    matrix = shown.confusion
    values, ends = confusion.averages(matrix), intervals.bootstrap(matrix, confusion.averages)
    ends["accuracy"] = intervals.wilson(int(shown.hits.sum()), len(shown))
    return {name: {"value": float(values[name]), "low": ends[name][0], "high": ends[name][1]} for name in FIGURES}


def accuracy(report: Report, parts: Mapping[str, Predictions]) -> dict[str, Any]:
    """Adds a table with a row for each subset; parts: title -> predictions."""
    report.heading("Accuracy")
    found = {name: {"images": len(part), **estimates(part)} for name, part in parts.items()}
    rows = [
        {"subset": name, "images": f"{row['images']:,}"} | {title: interval(row[key]) for key, title in FIGURES.items()}
        for name, row in found.items()
    ]
    report.table(pd.DataFrame(rows))
    report.text(METHODS)
    return found


def by_class(report: Report, splits: Mapping[str, Predictions]) -> list[dict[str, Any]]:
    """Adds precision, recall with its interval, F1 and support of each class of each split."""
    report.heading("Classes")
    rows = [row for split, shown in splits.items() for row in class_rows(split, shown)]
    cells = [
        {
            "split": SPLITS.get(row["split"], row["split"]),
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


def class_rows(split: str, shown: Predictions) -> list[dict[str, Any]]:
    """Returns shares in [0, 1], NaN for 0/0."""
    matrix = shown.confusion
    of = confusion.per_class(matrix)
    rows = []
    for index, name in enumerate(shown.classes):
        row = {"split": split, "class": name, **{key: float(values[index]) for key, values in of.items()}}
        row["support"] = int(row["support"])
        row["recall_low"], row["recall_high"] = intervals.wilson(int(matrix[index, index]), row["support"])
        rows.append(row)
    return rows


def confused(report: Report, shown: Predictions) -> dict[str, Any]:
    """Adds the confusion matrix in counts and shares, and a list of the most frequent confusions."""
    matrix = shown.confusion
    report.heading("Confusions")
    report.figure(confusion_figure(matrix, shown.classes), "confusion", "confusion matrix, rows = true class")
    for name, values in (("counts", matrix), ("shares", confusion.shares(matrix))):
        table = pd.DataFrame(values, columns=list(shown.classes))
        table.insert(0, "true", shown.classes)
        report.tables[f"confusion_{name}"] = table
    table = confusion.mistakes(matrix, shown.classes)
    support = dict(zip(shown.classes, matrix.sum(1).tolist(), strict=True))
    told = [
        f"- {row.images:,} of {support[row.true]:,} *{plain(row.true)}* images ({percent(row.share)}) were classified "
        f"as *{plain(row.predicted)}*"
        for row in table.head(LISTED_CONFUSIONS).itertuples()
    ]
    report.text("\n".join(told) or "Every image was classified correctly.")
    return {"confusion": matrix.tolist(), "mistakes": table.to_dict("records")}


def ranked(report: Report, shown: Predictions) -> dict[str, Any]:
    """Adds ROC and precision–recall curves of each class against the rest; returns the areas under them."""
    report.heading("Each class against the rest")
    found = {}
    for index, name in enumerate(shown.classes):
        scores, positive = shown.probabilities[:, index], shown.labels == index
        found[name] = curves.roc(scores, positive), curves.precision_recall(scores, positive)
    areas = {name: [curve.area if curve else float("nan") for curve in both] for name, both in found.items()}
    share = shown.confusion.sum(1) / len(shown)
    rows = [
        {"class": name, "share of images": percent(part), "ROC AUC": three(auc), "average precision": three(ap)}
        for (name, (auc, ap)), part in zip(areas.items(), share, strict=True)
    ]
    report.table(pd.DataFrame(rows))
    report.text(
        "Random guessing has a ROC AUC of 0.5, and an average precision equal to the class's share of the images."
    )
    drawn = [{name: c for name, both in found.items() if (c := both[kind])} for kind in (0, 1)]
    figure = ranking_figure(*({name: (c.x, c.y, c.area) for name, c in kind.items()} for kind in drawn))
    report.figure(figure, "ranking", "ROC and precision–recall curves, one line per class")
    return {name: {"roc_auc": auc, "average_precision": ap} for name, (auc, ap) in areas.items()}


def percent(value: float) -> str:
    """0.6439 -> `64.4 %`; a dash for NaN."""
    return "–" if np.isnan(value) else f"{100 * value:.1f} %"


def three(value: float) -> str:
    """0.64391 -> `0.644`; a dash for NaN."""
    return "–" if np.isnan(value) else f"{value:.3f}"


def interval(estimate: Estimate) -> str:
    """`64.4 % (62.8–65.9)`; a dash for NaN."""
    if np.isnan(estimate["value"]):
        return "–"
    return f"{100 * estimate['value']:.1f} % ({100 * estimate['low']:.1f}–{100 * estimate['high']:.1f})"


def listed(values: Sequence[str]) -> str:
    """`a, b and c`."""
    *most, last = values
    return f"{', '.join(most)} and {last}" if most else last
