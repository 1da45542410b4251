"""Writes a report that compares several classifiers: metrics, ensembles, pairwise tests, agreement."""

from collections.abc import Mapping
from itertools import combinations
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd

from fer import confusion
from fer.console import counted
from fer.evaluation import calibration, intervals
from fer.evaluation.predictions import Predictions, ensemble
from fer.evaluation.sections import FIGURES, METHODS, estimates, interval, listed, percent
from fer.plots.evaluation import agreement_figure, coverage_figure, intervals_figure
from fer.report import Report

ENSEMBLES = ("probabilities", "logits")
SIGNIFICANCE = 0.05


def comparison(report: Report, several: Mapping[str, Predictions]) -> dict[str, Any]:
    """All sections; `several` are joined. Returns their content for evaluation.json."""
    letters = dict(zip(several, letters_for(len(several)), strict=True))
    members = list(several.values())
    together = {f"ensemble, mean {of}": ensemble(members, of) for of in ENSEMBLES}
    content = {"letters": letters, "models": side_by_side(report, {**several, **together}, letters)}
    content["recall"] = recalls(report, {**several, **together}, letters)
    content["pairs"] = pairs(report, several, letters)
    content["ensemble"] = gain(report, several, together[f"ensemble, mean {ENSEMBLES[0]}"])
    content["agreement"] = agreement(report, several, letters)
    return content


def letters_for(count: int) -> list[str]:
    """A, B, …, Z, A2, B2, …"""
    return [f"{ascii_uppercase[index % 26]}{index // 26 + 1 if index >= 26 else ''}" for index in range(count)]


def side_by_side(report: Report, models: Mapping[str, Predictions], letters: Mapping[str, str]) -> dict[str, Any]:
    report.heading("Side by side")
    found = {}
    for name, shown in models.items():
        bins = calibration.reliability(shown.confidence, shown.hits)
        rest = {"ece": calibration.ece(bins), "nll": calibration.nll(shown.probabilities, shown.labels)}
        found[name] = estimates(shown) | rest
    cells = [
        {"": letters.get(name, "–"), "classifier": name}
        | {title: interval(of[key]) for key, title in FIGURES.items()}
        | {"ECE": percent(of["ece"]), "NLL": f"{of['nll']:.3f}"}
        for name, of in found.items()
    ]
    report.table(pd.DataFrame(cells))
    report.text(METHODS)
    report.text("The ensembles average the probabilities, or the logits, of all classifiers.")
    drawn = pd.DataFrame([{"name": title(name, letters), **of["accuracy"]} for name, of in found.items()])
    report.figure(
        intervals_figure(drawn, "accuracy, %, with 95 % interval"), "accuracy", "accuracy and interval of each"
    )
    curves = {title(name, letters): calibration.coverage(of.confidence, of.hits) for name, of in models.items()}
    report.figure(coverage_figure(curves), "coverage", "accuracy against the share of images that are answered")
    report.tables["models"] = pd.json_normalize([{"classifier": name, **of} for name, of in found.items()])
    return found


def title(name: str, letters: Mapping[str, str]) -> str:
    """What a figure calls it: a letter has room."""
    return letters.get(name, name)


def recalls(report: Report, models: Mapping[str, Predictions], letters: Mapping[str, str]) -> dict[str, Any]:
    report.heading("Recall of each class")
    classes = next(iter(models.values())).classes
    found = {name: confusion.per_class(shown.confusion)["recall"] for name, shown in models.items()}
    table = pd.DataFrame({title(name, letters): [percent(v) for v in values] for name, values in found.items()})
    table.insert(0, "class", classes)
    report.table(table)
    return {name: dict(zip(classes, values.tolist(), strict=True)) for name, values in found.items()}


def pairs(report: Report, several: Mapping[str, Predictions], letters: Mapping[str, str]) -> list[dict[str, Any]]:
    """McNemar's test and the paired bootstrap of every two, and which differ after Holm's correction."""
    report.heading("Every pair")
    found = [{"pair": [a, b], **paired(several[a], several[b])} for a, b in combinations(several, 2)]
    for row, adjusted in zip(found, intervals.holm([row["p"] for row in found]), strict=True):
        row["p_holm"] = adjusted
    cells = [
        {
            "pair": " − ".join(letters[name] for name in row["pair"]),
            "difference in points": points(row["difference"]),
            "only the first is right": f"{row['only_first']:,}",
            "only the second is right": f"{row['only_second']:,}",
            "p (McNemar)": p_value(row["p"]),
            "p (Holm)": p_value(row["p_holm"]),
        }
        for row in found
    ]
    report.table(pd.DataFrame(cells))
    report.text(
        "Difference in accuracy with its 95 % interval from the paired bootstrap; exact two-sided McNemar test on the "
        f"images that only one of the two has right; Holm's correction for {counted(len(found), 'pair')}. "
        "The tests cover variation between images only; retraining with another seed varies accuracy further."
    )
    report.text(verdict(found, letters))
    report.tables["pairs"] = pd.json_normalize(found)
    return found


def paired(a: Predictions, b: Predictions) -> dict[str, Any]:
    """The accuracy of A less that of B on the same images, with interval and McNemar's p."""
    counts = intervals.paired_counts(a.hits, b.hits)
    low, high = intervals.paired_bootstrap(counts)
    return {
        "difference": {"value": float(intervals.difference(counts)), "low": low, "high": high},
        "only_first": int(counts[1]),
        "only_second": int(counts[2]),
        "p": intervals.mcnemar(int(counts[1]), int(counts[2])),
    }


def verdict(found: list[dict[str, Any]], letters: Mapping[str, str]) -> str:
    """The pairs that differ, in words."""
    better = []
    for row in (row for row in found if row["p_holm"] < SIGNIFICANCE):
        first, second = (letters[name] for name in row["pair"])
        better.append(f"{first} over {second}" if row["difference"]["value"] > 0 else f"{second} over {first}")
    if not better:
        return "No pair differs significantly at the 5 % level."
    return f"Significantly more accurate at the 5 % level: {listed(better)}."


def gain(report: Report, several: Mapping[str, Predictions], together: Predictions) -> dict[str, Any]:
    """The ensemble against the best of its members."""
    best = max(several, key=lambda name: several[name].hits.mean())
    of = paired(together, several[best])
    report.text(
        "The accuracy of the ensemble of mean probabilities less that of its best member is "
        f"{points(of['difference'])} points (McNemar p = {p_value(of['p'])}). The best member was chosen on "
        "the same images."
    )
    return {"best": best, **of}


def agreement(report: Report, several: Mapping[str, Predictions], letters: Mapping[str, str]) -> dict[str, Any]:
    """How often two say the same, and all."""
    report.heading("Agreement")
    said = np.stack([shown.predicted for shown in several.values()])
    right = np.stack([shown.hits for shown in several.values()])
    matrix = (said[:, None] == said).mean(-1)
    united = (said == said[0]).all(0)
    found = {"all_agree": united.mean(), "right_where_all_agree": right[0][united].mean() if united.any() else np.nan}
    found |= {"none_right": (~right.any(0)).mean(), "matrix": matrix.tolist()}
    report.text(
        f"All classifiers predict the same class for {percent(found['all_agree'])} of the images, and that class is "
        f"right for {percent(found['right_where_all_agree'])} of these. No classifier is right on "
        f"{percent(found['none_right'])} of all images."
    )
    report.figure(
        agreement_figure(matrix, list(letters.values())), "agreement", "share of images with equal predictions"
    )
    return found


def points(estimate: Mapping[str, float]) -> str:
    """`+1.2 (0.3 to 2.1)`, in percentage points."""
    value, low, high = (100 * estimate[name] for name in ("value", "low", "high"))
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def p_value(p: float) -> str:
    return "< 0.0001" if p < 0.0001 else f"{p:.4f}"
