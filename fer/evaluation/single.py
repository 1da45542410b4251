"""Writes the report on one classifier."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fer.errors import UserError
from fer.evaluation.confidence import calibrated, covered
from fer.evaluation.inputs import Given
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import about_data
from fer.evaluation.sections import SPLITS, accuracy, by_class, confused, percent, ranked
from fer.report import Report, plain

DRAWN = {
    "curves.png": ("Training", "loss, accuracy and learning rate by epoch"),
    "confusion.png": ("Confusions of the held-out split", "confusion matrix, rows = true class"),
}
SAMPLED = 32  # random predictions on a sheet
DISTORTED = 1000  # images that are distorted in every way
FACES = "The figures from here on show faces of the data set: keep this report where the data may be kept."


def short_report(folder: Path, splits: Mapping[str, Predictions], data: Mapping[str, Any]) -> None:
    """Writes report.html and report.md of a run into its folder, beside the pictures that they show.

    splits: predictions of the held-out splits. data: the data module's description.
    """
    report = Report(f"{folder.parent.name}/{folder.name}")
    for line in about_data({"data": data}):
        report.text(plain(line))
    accuracy(report, {f"{SPLITS[split]} split": shown for split, shown in splits.items()})
    by_class(report, splits)
    for name, (title, alt) in DRAWN.items():
        if (folder / name).is_file():
            report.heading(title)
            report.text(f"![{alt}]({name})")
    calibrated(report, splits, list(splits))
    report.tables.clear()  # the folder has predictions.csv, which says it all
    report.text(f"More of it, or several runs side by side: `python -m fer.evaluate {plain(str(folder))}`")
    report.write(folder)


def full_report(report: Report, given: Given, split: str, pixels: bool) -> dict[str, Any]:
    """All sections on one split; returns their content. `pixels`: whether the slow ones that need images too."""
    shown = given.shown(split)
    parts, remarks = subsets(given, shown)
    content: dict[str, Any] = {"accuracy": accuracy(report, parts)}
    for remark in remarks:
        report.text(plain(remark))
    content["per_class"] = by_class(report, {split: shown})
    content |= confused(report, shown)
    content["calibration"] = calibrated(report, given.splits, [split])[split]
    content["coverage"] = covered(report, shown)
    content["ranking"] = ranked(report, shown)
    return content | (seen(report, given, split) if pixels else {})


def subsets(given: Given, shown: Predictions) -> tuple[dict[str, Predictions], list[str]]:
    """All images, those unlike training's and those that FER+ labels alike; and why there are no such ones."""
    parts = {"all images": shown}
    if given.pixels is None:
        lack = "Accuracy without images that also occur in training, and where FER+ agrees, needs the images"
        return parts, [f"{lack}: {given.lacking}."]
    from fer.evaluation.subsets import agreed, unseen  # imports torch

    remarks, faces = [], given.pixels.datamodule
    fresh, fresher = unseen(faces, shown.ids), unseen(faces, shown.ids, near=True)
    if fresh.all():
        remarks.append("No image also occurs in training.")
    else:
        parts["without copies of training images"] = shown.take(fresh)
    if fresher.sum() < fresh.sum():
        parts["without near copies either"] = shown.take(fresher)
    try:
        same = agreed(faces, shown.ids, np.array(shown.classes)[shown.labels])
        parts["where the majority of FER+ agrees"] = shown.take(same)
    except UserError as error:
        remarks.append(f"Where FER+ agrees is not shown: {error}.")
    return {name: part for name, part in parts.items() if len(part)}, remarks


def seen(report: Report, given: Given, split: str) -> dict[str, Any]:
    """What only network and images can tell: mistakes and their neighbours, explanations, robustness."""
    if given.pixels is None or given.pixels.classifier is None:
        lacking = given.lacking if given.path.is_dir() else "give the run's folder or its checkpoint"
        report.text(plain(f"Nearest training images, explanations and robustness need the network: {lacking}."))
        return {}
    if given.logits is None:
        given.logits = given.pixels.logits(split)
    content: dict[str, Any] = {}
    for title, section in SEEN.items():
        print(f"{title} …", flush=True)  # each takes a while
        report.heading(title)
        try:
            content |= section(report, given, split)
        except UserError as error:
            report.text(plain(f"Not shown: {error}."))
    return content


def some(report: Report, given: Given, split: str) -> dict[str, Any]:
    from fer.evaluation.pixels import faces
    from fer.plots import prediction_sheet

    if report.with_faces:
        report.text(FACES)
    shown = given.shown(split)
    shown = shown.take(np.sort(np.random.default_rng(0).permutation(len(shown))[:SAMPLED]))
    true, predicted = (np.array(shown.classes)[codes] for codes in (shown.labels, shown.predicted))
    images = faces(given.pixels.datamodule, shown.ids)
    sheet = partial(prediction_sheet, images, true, predicted)
    report.faces(sheet, "predictions", "random faces with predicted and true label")
    return {}


def mistakes(report: Report, given: Given, split: str) -> dict[str, Any]:
    from fer.evaluation import neighbours

    pixels = given.pixels
    if given.shown(split).hits.all():
        raise UserError("there is no mistake")
    report.text("Each beside the training images that the network finds most alike.")
    parts = pixels.split("train"), pixels.split(split)
    sheet = partial(neighbours.mistakes, pixels.classifier, *parts, given.logits)
    report.faces(sheet, "mistakes", "surest mistakes beside their nearest training images")
    return {}


def explanations(report: Report, given: Given, split: str) -> dict[str, Any]:
    from fer.evaluation import explain

    if not report.with_faces:
        raise UserError("it shows faces of the data")
    for name, figure in explain.sheets(given.pixels.classifier, given.pixels.split(split), given.logits).items():
        report.figure(figure, name, f"faces of each class beside what speaks for the predicted one: {name}")
    return {}


def robustness(report: Report, given: Given, split: str) -> dict[str, Any]:
    from fer.evaluation import robustness
    from fer.plots.robustness import robustness_figure

    pixels = given.pixels
    if len(pixels.classes) < len(pixels.classifier.classes):
        raise UserError("it is measured among all classes of the classifier; leave out --labels")
    if pixels.logit_adjustment:
        raise UserError("it is measured without logit adjustment; leave out --logit-adjustment")
    part = pixels.split(split)
    table = robustness.curves(pixels.classifier, part, DISTORTED)
    same = robustness.flip_consistency(pixels.classifier, part)
    report.text(f"{percent(same)} of the faces get the same class when they are mirrored.")
    report.figure(robustness_figure(table), "robustness", "accuracy against the strength of distortions")
    if len(part) > DISTORTED:
        report.text(f"Of {DISTORTED:,} images.")
    report.tables["robustness"] = table
    return {"flip_consistency": same, "robustness": table.to_dict("records")}


SEEN = {
    "Random predictions": some,
    "Surest mistakes": mistakes,
    "What the network looks at": explanations,
    "Robustness": robustness,
}
