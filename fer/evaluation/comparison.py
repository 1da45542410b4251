"""Writes a report that compares several classifiers: metrics, ensembles, pairwise tests, agreement.

Each function `add_…` adds a section and returns its content as plain data.
"""

from collections.abc import Mapping
from itertools import combinations
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd

from fer import confusion
from fer.counting import counted
from fer.evaluation import calibration, intervals
from fer.evaluation.formatting import METRIC_TITLES, interval, join_words, p_value, percent, percentage_points
from fer.evaluation.predictions import Predictions, ensemble
from fer.evaluation.sections import METHODS, estimates
from fer.plots.evaluation import agreement_figure, coverage_figure, intervals_figure
from fer.report import Report

ENSEMBLES = ("probabilities", "logits")
SIGNIFICANCE = 0.05
LABEL_LENGTH = 32
"""Characters of a classifier's name in figures."""
Models = Mapping[str, Predictions]
"""Name -> predictions of the same images in the same order, see `predictions.align`."""
Letters = Mapping[str, str]
"""Name -> the letter that stands for it in figures and tables."""


def add_comparison(report: Report, classifiers: Models) -> dict[str, Any]:
    """Adds all sections; returns their content for evaluation.json."""
    letters = dict(zip(classifiers, letters_for(len(classifiers)), strict=True))
    ensembles = {f"ensemble, mean {kind}": ensemble(list(classifiers.values()), kind) for kind in ENSEMBLES}
    models = {**classifiers, **ensembles}
    return {
        "letters": letters,
        "models": add_metrics(report, models, letters),
        "recall": add_recalls(report, models, letters),
        "pairs": add_pairs(report, classifiers, letters),
        "ensemble": add_ensemble_gain(report, classifiers, ensembles[f"ensemble, mean {ENSEMBLES[0]}"]),
        "agreement": add_agreement(report, classifiers, letters),
    }


def letters_for(count: int) -> list[str]:
    """A, B, …, Z, A2, B2, …"""
    return [f"{ascii_uppercase[index % 26]}{index // 26 + 1 if index >= 26 else ''}" for index in range(count)]


def add_metrics(report: Report, models: Models, letters: Letters) -> dict[str, Any]:
    """Adds the metrics of all models with their intervals, and accuracy against coverage."""
    report.heading("Side by side")
    content, rows, bars, curves = {}, [], [], {}
    for name, predictions in models.items():
        bins = calibration.reliability(predictions.confidence, predictions.hits)
        ece, nll = calibration.ece(bins), calibration.nll(predictions.probabilities, predictions.labels)
        values = estimates(predictions)
        content[name] = {**values, "ece": ece, "nll": nll}
        cells = {title: interval(values[key]) for key, title in METRIC_TITLES.items()}
        rows.append({"": letters.get(name, "–"), "classifier": name, **cells, "ECE": percent(ece), "NLL": f"{nll:.3f}"})
        bars.append({"name": label(name, letters), **values["accuracy"]})
        curves[label(name, letters)] = calibration.coverage(predictions.confidence, predictions.hits)
    report.table(pd.DataFrame(rows))
    report.text(METHODS)
    report.text("The ensembles average the probabilities, or the logits, of all classifiers.")
    figure = intervals_figure(pd.DataFrame(bars), "accuracy, %, with 95 % interval")
    report.figure(figure, "accuracy", "accuracy and interval of each")
    report.figure(coverage_figure(curves), "coverage", "accuracy against the share of images that are answered")
    report.tables["models"] = pd.json_normalize([{"classifier": name, **values} for name, values in content.items()])
    return content


def label(name: str, letters: Letters) -> str:
    """Returns the name of a classifier in figures, after its letter; of a long name its end."""
    end = name if len(name) <= LABEL_LENGTH else f"…{name[1 - LABEL_LENGTH :]}"
    return f"{letters[name]}: {end}" if name in letters else end


def short_name(name: str, letters: Letters) -> str:
    """Returns the letter of a classifier, which fits into tables; ensembles keep their names."""
    return letters.get(name, name)


def add_recalls(report: Report, models: Models, letters: Letters) -> dict[str, Any]:
    """Adds the recall of each class by each model."""
    report.heading("Recall of each class")
    classes = next(iter(models.values())).classes
    recalls = {name: confusion.per_class(model.confusion)["recall"].tolist() for name, model in models.items()}
    columns = {short_name(name, letters): [percent(value) for value in values] for name, values in recalls.items()}
    report.table(pd.DataFrame({"class": classes} | columns))
    return {name: dict(zip(classes, values, strict=True)) for name, values in recalls.items()}


def add_pairs(report: Report, classifiers: Models, letters: Letters) -> list[dict[str, Any]]:
    """Adds McNemar's test, with Holm's correction, and the paired bootstrap of every pair."""
    report.heading("Every pair")
    pairs = [{"pair": [a, b], **compare(classifiers[a], classifiers[b])} for a, b in combinations(classifiers, 2)]
    for row, adjusted in zip(pairs, intervals.holm([row["p"] for row in pairs]), strict=True):
        row["p_holm"] = adjusted
    cells = [
        {
            "pair": " − ".join(letters[name] for name in row["pair"]),
            "difference in points": percentage_points(row["difference"]),
            "only the first is right": f"{row['only_first']:,}",
            "only the second is right": f"{row['only_second']:,}",
            "p (McNemar)": p_value(row["p"]),
            "p (Holm)": p_value(row["p_holm"]),
        }
        for row in pairs
    ]
    report.table(pd.DataFrame(cells))
    report.text(
        "Difference in accuracy with its 95 % interval from the paired bootstrap; exact two-sided McNemar test on the "
        f"images that only one of the two has right; Holm's correction for {counted(len(pairs), 'pair')}. "
        "The tests cover variation between images only; retraining with another seed varies accuracy further."
    )
    report.text(significance_sentence(pairs, letters))
    report.tables["pairs"] = pd.json_normalize(pairs)
    return pairs


def compare(a: Predictions, b: Predictions) -> dict[str, Any]:
    """Returns the accuracy of A less that of B on the same images with its interval, and McNemar's p."""
    counts = intervals.paired_counts(a.hits, b.hits)
    low, high = intervals.paired_bootstrap(counts)
    return {
        "difference": {"value": float(intervals.difference(counts)), "low": low, "high": high},
        "only_first": int(counts[1]),
        "only_second": int(counts[2]),
        "p": intervals.mcnemar(int(counts[1]), int(counts[2])),
    }


def significance_sentence(pairs: list[dict[str, Any]], letters: Letters) -> str:
    """Returns a sentence on the pairs that differ significantly after Holm's correction."""
    verdicts = []
    for row in pairs:
        if row["p_holm"] >= SIGNIFICANCE:
            continue
        better, worse = (letters[name] for name in row["pair"])
        if row["difference"]["value"] <= 0:
            better, worse = worse, better
        verdicts.append(f"{better} over {worse}")
    if not verdicts:
        return "No pair differs significantly at the 5 % level."
    return f"Significantly more accurate at the 5 % level: {join_words(verdicts)}."


def add_ensemble_gain(report: Report, classifiers: Models, mean: Predictions) -> dict[str, Any]:
    """Adds the accuracy of the ensemble `mean` less that of its best member."""
    best = max(classifiers, key=lambda name: classifiers[name].hits.mean())
    comparison = compare(mean, classifiers[best])
    report.text(
        "The accuracy of the ensemble of mean probabilities less that of its best member is "
        f"{percentage_points(comparison['difference'])} points (McNemar p = {p_value(comparison['p'])}). The best "
        "member was chosen on the same images."
    )
    return {"best": best, **comparison}


def add_agreement(report: Report, classifiers: Models, letters: Letters) -> dict[str, Any]:
    """Adds how often all classifiers, and every two of them, predict the same class."""
    report.heading("Agreement")
    predicted = np.stack([predictions.predicted for predictions in classifiers.values()])
    hits = np.stack([predictions.hits for predictions in classifiers.values()])
    matrix = (predicted[:, None] == predicted).mean(-1)
    unanimous = (predicted == predicted[0]).all(0)
    content = {
        "all_agree": unanimous.mean(),
        "right_where_all_agree": hits[0][unanimous].mean() if unanimous.any() else np.nan,
        "none_right": (~hits.any(0)).mean(),
        "matrix": matrix.tolist(),
    }
    report.text(
        f"All classifiers predict the same class for {percent(content['all_agree'])} of the images, and that class is "
        f"right for {percent(content['right_where_all_agree'])} of these. No classifier is right on "
        f"{percent(content['none_right'])} of all images."
    )
    figure = agreement_figure(matrix, list(letters.values()))
    report.figure(figure, "agreement", "share of images with equal predictions")
    return content
