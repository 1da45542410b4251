"""Report sections on confidence: calibration, and accuracy against coverage."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from fer.evaluation import calibration
from fer.evaluation.formatting import FEWEST_IMAGES, SPLIT_TITLES, join_words, percent
from fer.evaluation.predictions import Predictions
from fer.plots.evaluation import FEW, coverage_figure, reliability_figure
from fer.report import Report

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.1)
TARGET_ACCURACY = 0.9
UNSCALED, SCALED = "as predicted", "with temperature"
"""States of the probabilities."""


def add_calibration(report: Report, splits: Mapping[str, Predictions], names: Sequence[str]) -> dict[str, Any]:
    """Adds the calibration of the splits `names`, unscaled and scaled by the temperature fitted on validation.

    splits: with "val", if there is one. Returns for each split its temperatures and, for each state of the
    probabilities, ece, nll, confidence and accuracy.
    """
    report.heading("Calibration")
    content, panels = {}, {}
    for split in names:
        part = splits[split]
        scaled, temperatures = scaled_probabilities(splits, split)
        states = {UNSCALED: part.probabilities}
        if temperatures:
            states[SCALED] = scaled
        content[split] = {"temperature": temperatures}
        for state, probabilities in states.items():
            bins = calibration.reliability(probabilities.max(1), part.hits)
            content[split][state] = calibration_metrics(probabilities, part, bins)
            report.tables[f"reliability_{split}_{state.replace(' ', '_')}"] = bins
            if state == UNSCALED or len(names) == 1:
                ece = percent(content[split][state]["ece"])
                panels[f"{SPLIT_TITLES[split]}, {state}: ECE {ece}"] = bins
    table = pd.DataFrame([row for split in names for row in table_rows(split, content[split])])
    report.table(table.drop(columns="split") if len(names) == 1 else table)
    report.text(" ".join(calibration_sentences(content, {split: len(splits[split]) for split in names})))
    report.figure(
        reliability_figure(panels), "reliability", "accuracy against confidence, and the share of images in each bin"
    )
    return content


def scaled_probabilities(splits: Mapping[str, Predictions], split: str) -> tuple[np.ndarray, list[float]]:
    """Returns the probabilities of `split` after temperature scaling, and the temperatures.

    Validation is scaled by cross-fitting, with two temperatures. Without validation the probabilities are unchanged and
    the list is empty.
    """
    part = splits[split]
    if split == "val" and len(part) > 1:
        return calibration.cross_fit(part.probabilities, part.labels)
    if split == "val" or "val" not in splits:
        return part.probabilities, []
    logits = calibration.log_probabilities(splits["val"].probabilities)
    temperature = calibration.temperature(logits, splits["val"].labels)
    return calibration.apply_temperature(part.probabilities, temperature), [temperature]


def calibration_metrics(probabilities: np.ndarray, part: Predictions, bins: pd.DataFrame) -> dict[str, float]:
    """Returns ece, nll (in nats), mean confidence and accuracy."""
    return {
        "ece": calibration.ece(bins),
        "nll": calibration.nll(probabilities, part.labels),
        "confidence": float(probabilities.max(1).mean()),
        "accuracy": float(part.hits.mean()),
    }


def table_rows(split: str, content: Mapping[str, Any]) -> list[dict[str, str]]:
    """Returns a row of the table for each state of the probabilities of a split."""
    rows = []
    for state in (UNSCALED, SCALED):
        if state not in content:
            continue
        title, metrics = state, content[state]
        if state == SCALED:
            title += f" {join_words([f'{value:.2f}' for value in content['temperature']])}"
        rows.append(
            {
                "split": SPLIT_TITLES[split],
                "probabilities": title,
                "ECE": percent(metrics["ece"]),
                "NLL": f"{metrics['nll']:.3f}",
                "mean confidence": percent(metrics["confidence"]),
                "accuracy": percent(metrics["accuracy"]),
            }
        )
    return rows


def calibration_sentences(content: Mapping[str, Any], images: Mapping[str, int]) -> list[str]:
    """Returns sentences on the table and the definitions of ECE, NLL and temperature.

    content: as `add_calibration` returns it. images: the number of images of each split.
    """
    sentences = []
    for split, states in content.items():
        gap = states[UNSCALED]["confidence"] - states[UNSCALED]["accuracy"]
        sentences.append(confidence_sentence(SPLIT_TITLES[split], gap, images[split]))
    sentences.append(
        f"ECE (expected calibration error, Guo et al. 2017) is the mean distance between confidence and accuracy over "
        f"{calibration.BINS} equally wide bins. In the figure, dots mark the mean confidence of a bin; bins of fewer "
        f"than {FEW} images are pale. NLL is the mean negative log-likelihood in nats. A temperature above 1 lowers "
        "confidence; it changes no prediction and was fitted on the validation split."
    )
    if content.get("val", {}).get("temperature"):
        sentences.append("On validation itself, each random half is scaled with the temperature of the other half.")
    for split, states in content.items():
        if not states["temperature"]:
            title = SPLIT_TITLES[split]
            sentences.append(f"The {title} split has no temperature: there are too few validation predictions.")
    return sentences


def confidence_sentence(title: str, gap: float, images: int) -> str:
    """title: of the split. gap: mean confidence less accuracy, in [-1, 1]. images: their number."""
    if images < FEWEST_IMAGES:
        return f"The {title} split has fewer than {FEWEST_IMAGES} images, too few to compare confidence with accuracy."
    if abs(gap) < 0.01:
        return f"On the {title} split, mean confidence matches accuracy."
    direction, verdict = ("above", "overconfident") if gap > 0 else ("below", "underconfident")
    return (
        f"On the {title} split, mean confidence is {abs(100 * gap):.1f} percentage points {direction} accuracy: the "
        f"classifier is {verdict}."
    )


def add_coverage(report: Report, predictions: Predictions) -> list[dict[str, float]]:
    """Adds accuracy on the images with the highest confidence; returns coverage and accuracy for COVERAGES."""
    report.heading("Accuracy on the most confident predictions")
    curve = calibration.coverage(predictions.confidence, predictions.hits)
    counts = [max(1, round(share * len(curve))) for share in COVERAGES]
    points = curve.iloc[[count - 1 for count in counts]].to_numpy().tolist()
    chosen = [{"coverage": share, "accuracy": accuracy} for share, accuracy in points]
    cells = {
        "answered": [f"{100 * share:.0f} %" for share in COVERAGES],
        "images": [f"{count:,}" for count in counts],
        "accuracy": [percent(row["accuracy"]) for row in chosen],
    }
    report.table(pd.DataFrame(cells))
    shares = curve["coverage"].to_numpy()[curve["accuracy"].to_numpy() >= TARGET_ACCURACY]
    if len(shares) and round(shares[-1] * len(curve)) >= FEWEST_IMAGES:
        share, target = percent(shares[-1]), percent(TARGET_ACCURACY)
        report.text(f"Accuracy is at least {target} on the {share} of images with the highest confidence.")
    report.figure(coverage_figure({"": curve}), "coverage", "accuracy against the share of images answered")
    report.tables["coverage"] = curve
    return chosen
