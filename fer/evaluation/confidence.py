"""Report sections on confidence: calibration, and accuracy against coverage."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fer.evaluation import calibration
from fer.evaluation.predictions import Predictions
from fer.evaluation.sections import SPLITS, listed, percent
from fer.plots.evaluation import FEW, coverage_figure, reliability_figure
from fer.report import Report

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.3, 0.1)
TARGET_ACCURACY = 0.9
PLAIN, SCALED = "as predicted", "with temperature"


def calibrated(report: Report, splits: Mapping[str, Predictions], shown: list[str]) -> dict[str, Any]:
    """Adds the calibration of the splits `shown`, as predicted and with the temperature fitted on validation."""
    report.heading("Calibration")
    found, panels = {}, {}
    for split in shown:
        part = splits[split]
        scaled, temperatures = rescaled(splits, split)
        states = {PLAIN: part.probabilities} | ({SCALED: scaled} if temperatures else {})
        found[split] = {"temperature": temperatures}
        for state, values in states.items():
            bins = calibration.reliability(values.max(1), part.hits)
            found[split][state] = of = figures(values, part, bins)
            panels[f"{SPLITS[split]}, {state}: ECE {percent(of['ece'])}"] = bins
            report.tables[f"reliability_{split}_{state.replace(' ', '_')}"] = bins
    report.table(pd.DataFrame([row for split in shown for row in rows(split, found[split])]))
    report.text(" ".join(words(found)))
    figure = reliability_figure(panels if len(shown) == 1 else {t: bins for t, bins in panels.items() if PLAIN in t})
    report.figure(figure, "reliability", "accuracy against confidence, and the share of images in each bin")
    return found


def rescaled(splits: Mapping[str, Predictions], split: str) -> tuple[np.ndarray, list[float]]:
    """Probabilities of `split` after temperature scaling, and the temperatures; none without validation."""
    part = splits[split]
    if split == "val" and len(part) > 1:
        return calibration.cross_fitted(part.probabilities, part.labels)
    if split == "val" or "val" not in splits:
        return part.probabilities, []
    logits = calibration.log_probabilities(splits["val"].probabilities)
    found = calibration.temperature(logits, splits["val"].labels)
    return calibration.cooled(part.probabilities, found), [found]


def figures(probabilities: np.ndarray, part: Predictions, bins: pd.DataFrame) -> dict[str, float]:
    """ECE, NLL (nats), mean confidence and accuracy."""
    return {
        "ece": calibration.ece(bins),
        "nll": calibration.nll(probabilities, part.labels),
        "confidence": float(probabilities.max(1).mean()),
        "accuracy": float(part.hits.mean()),
    }


def rows(split: str, found: Mapping[str, Any]) -> list[dict[str, str]]:
    """A row of the table for each state of the probabilities."""
    temperatures = listed([f"{value:.2f}" for value in found["temperature"]] or [""])
    return [
        {
            "split": SPLITS[split],
            "probabilities": f"{state} {temperatures}" if state == SCALED else state,
            "ECE": percent(of["ece"]),
            "NLL": f"{of['nll']:.3f}",
            "mean confidence": percent(of["confidence"]),
            "accuracy": percent(of["accuracy"]),
        }
        for state, of in found.items()
        if state != "temperature"
    ]


def words(found: Mapping[str, Any]) -> list[str]:
    """Returns sentences on the table and the definitions of ECE, NLL and temperature."""
    sentences = []
    for split, of in found.items():
        sentences.append(confidence_sentence(SPLITS[split], of[PLAIN]["confidence"] - of[PLAIN]["accuracy"]))
    sentences.append(
        f"ECE (expected calibration error, Guo et al. 2017) is the mean distance between confidence and accuracy over "
        f"{calibration.BINS} equally wide bins. In the figure, dots mark the mean confidence of a bin; bins of fewer "
        f"than {FEW} images are pale. NLL is the mean negative log-likelihood in nats. A temperature above 1 lowers "
        "confidence; it changes no prediction and was fitted on the validation split."
    )
    if found.get("val", {}).get("temperature"):
        sentences.append("On validation itself, each random half is scaled with the temperature of the other half.")
    for split in (SPLITS[split] for split, of in found.items() if not of["temperature"]):
        sentences.append(f"The {split} split has no temperature: there are too few validation predictions.")
    return sentences


def confidence_sentence(split: str, gap: float) -> str:
    """gap: mean confidence less accuracy, in [-1, 1]."""
    if abs(gap) < 0.01:
        return f"On the {split} split, mean confidence matches accuracy."
    direction, verdict = ("above", "overconfident") if gap > 0 else ("below", "underconfident")
    return (
        f"On the {split} split, mean confidence is {abs(100 * gap):.1f} percentage points {direction} accuracy: the "
        f"classifier is {verdict}."
    )


def covered(report: Report, shown: Predictions) -> list[dict[str, float]]:
    """Adds accuracy on the images with the highest confidence."""
    report.heading("Accuracy on the most confident predictions")
    curve = calibration.coverage(shown.confidence, shown.hits)
    kept = [max(1, round(share * len(curve))) for share in COVERAGES]
    chosen = curve.iloc[[number - 1 for number in kept]]
    cells = {
        "answered": [f"{100 * share:.0f} %" for share in COVERAGES],
        "images": [f"{number:,}" for number in kept],
        "accuracy": [percent(value) for value in chosen["accuracy"]],
    }
    report.table(pd.DataFrame(cells))
    enough = curve.loc[curve["accuracy"] >= TARGET_ACCURACY, "coverage"]
    if len(enough):
        share, target = percent(enough.iloc[-1]), percent(TARGET_ACCURACY)
        report.text(f"Accuracy is at least {target} on the {share} of images with the highest confidence.")
    report.figure(coverage_figure({"": curve}), "coverage", "accuracy against the share of images answered")
    report.tables["coverage"] = curve
    return chosen.to_dict("records")
