"""Writes the report on one classifier."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fer.errors import UserError
from fer.evaluation.confidence import calibrated, covered
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import about_data
from fer.evaluation.sections import SPLITS, accuracy, by_class, confused, percent, ranked
from fer.report import Report, plain

FIGURE_FILES = {
    "curves.png": ("Training", "loss, accuracy and learning rate by epoch"),
    "confusion.png": ("Confusion matrix of the held-out split", "confusion matrix, rows = true class"),
}
RANDOM_FACES = 32  # on the sheet of random predictions
ROBUSTNESS_IMAGES = 1000  # at most
FACES = "The following figures show faces of the data set: publish this report only if you may publish the data."


def short_report(folder: Path, splits: Mapping[str, Predictions], data: Mapping[str, Any]) -> None:
    """Writes report.html and report.md of a run into its folder, beside the pictures that they show.

    splits: predictions of the held-out splits. data: the data module's description.
    """
    report = Report(f"{folder.parent.name}/{folder.name}")
    for line in about_data({"data": data}):
        report.text(plain(line))
    accuracy(report, {f"{SPLITS[split]} split": shown for split, shown in splits.items()})
    by_class(report, splits)
    for name, (title, alt) in FIGURE_FILES.items():
        if (folder / name).is_file():
            report.heading(title)
            report.text(f"![{alt}]({name})")
    calibrated(report, splits, list(splits))
    report.tables.clear()  # the folder has predictions.csv, which says it all
    report.text(f"For a longer report, or several runs side by side: `python -m fer.evaluate {plain(str(folder))}`")
    report.write(folder)


def full_report(report: Report, source: EvaluationInput, split: str, pixels: bool) -> dict[str, Any]:
    """Adds all sections on one split and returns their content. pixels: whether to add the slow ones on images."""
    shown = source.predictions(split)
    parts, remarks = subsets(source, shown)
    content: dict[str, Any] = {"accuracy": accuracy(report, parts)}
    for remark in remarks:
        report.text(plain(remark))
    content["per_class"] = by_class(report, {split: shown})
    content |= confused(report, shown)
    content["calibration"] = calibrated(report, source.splits, [split])[split]
    content["coverage"] = covered(report, shown)
    content["ranking"] = ranked(report, shown)
    return content | image_sections(report, source, split) if pixels else content


def subsets(source: EvaluationInput, shown: Predictions) -> tuple[dict[str, Predictions], list[str]]:
    """Returns title -> predictions of all images and of subsets of them, and sentences on subsets that are missing.

    The subsets: images without copies in training, and images whose label FER+ shares.
    """
    parts = {"all images": shown}
    if source.pixels is None:
        sentence = "Accuracy on images without copies in training, and where FER+ agrees, needs the images"
        return parts, [f"{sentence}: {source.pixels_missing}."]
    from fer.evaluation.subsets import agreed, unseen  # imports torch

    remarks, datamodule = [], source.pixels.datamodule
    without_copies = unseen(datamodule, shown.ids)
    without_near_copies = unseen(datamodule, shown.ids, near=True)
    if without_copies.all():
        remarks.append("No image also occurs in training.")
    else:
        parts["without copies of training images"] = shown.take(without_copies)
    if without_near_copies.sum() < without_copies.sum():
        parts["without near copies either"] = shown.take(without_near_copies)
    try:
        same = agreed(datamodule, shown.ids, np.array(shown.classes)[shown.labels])
        parts["where the majority of FER+ agrees"] = shown.take(same)
    except UserError as error:
        remarks.append(f"Accuracy where FER+ agrees is not shown: {error}.")
    return {name: part for name, part in parts.items() if len(part)}, remarks


def image_sections(report: Report, source: EvaluationInput, split: str) -> dict[str, Any]:
    """Adds the sections that need network and images: mistakes, explanations, robustness."""
    if source.pixels is None or source.pixels.classifier is None:
        reason = source.pixels_missing if source.path.is_dir() else "give the run's folder or its checkpoint"
        report.text(plain(f"Nearest training images, explanations and robustness need the network: {reason}."))
        return {}
    source = source.with_logits(split)
    content: dict[str, Any] = {}
    for title, section in IMAGE_SECTIONS.items():
        print(f"{title} …", flush=True)  # each takes a while
        report.heading(title)
        try:
            content |= section(report, source, split)
        except UserError as error:
            report.text(plain(f"Not shown: {error}."))
    return content


def random_predictions(report: Report, source: EvaluationInput, split: str) -> dict[str, Any]:
    from fer.evaluation.pixels import faces
    from fer.plots import prediction_sheet

    if report.with_faces:
        report.text(FACES)
    shown = source.predictions(split)
    shown = shown.take(np.sort(np.random.default_rng(0).permutation(len(shown))[:RANDOM_FACES]))
    true, predicted = (np.array(shown.classes)[codes] for codes in (shown.labels, shown.predicted))
    images = faces(source.pixels.datamodule, shown.ids)
    sheet = partial(prediction_sheet, images, true, predicted)
    report.faces(sheet, "predictions", "random faces with predicted and true label")
    return {}


def mistakes(report: Report, source: EvaluationInput, split: str) -> dict[str, Any]:
    from fer.evaluation import neighbours

    pixels = source.pixels
    if source.predictions(split).hits.all():
        raise UserError("there is no mistake")
    report.text("Each mistake stands beside the training images that are most similar to it for the network.")
    parts = pixels.split("train"), pixels.split(split)
    sheet = partial(neighbours.mistakes, pixels.classifier, *parts, source.logits)
    report.faces(sheet, "mistakes", "most confident mistakes beside their nearest training images")
    return {}


def explanations(report: Report, source: EvaluationInput, split: str) -> dict[str, Any]:
    from fer.evaluation import explain

    if not report.with_faces:
        raise UserError("it shows faces, which --no-faces leaves out")
    for name, figure in explain.sheets(source.pixels.classifier, source.pixels.split(split), source.logits).items():
        report.figure(figure, name, f"faces of each class beside the evidence for the predicted class: {name}")
    return {}


def robustness(report: Report, source: EvaluationInput, split: str) -> dict[str, Any]:
    from fer.evaluation import robustness
    from fer.plots.robustness import robustness_figure

    pixels = source.pixels
    if len(pixels.classes) < len(pixels.classifier.classes):
        raise UserError("it is measured among all classes of the classifier; leave out --labels")
    if pixels.logit_adjustment:
        raise UserError("it is measured without logit adjustment; leave out --logit-adjustment")
    part = pixels.split(split)
    table = robustness.curves(pixels.classifier, part, ROBUSTNESS_IMAGES)
    same = robustness.flip_consistency(pixels.classifier, part)
    report.text(f"{percent(same)} of the faces get the same class when they are mirrored.")
    report.figure(robustness_figure(table), "robustness", "accuracy against the strength of distortions")
    if len(part) > ROBUSTNESS_IMAGES:
        report.text(f"Measured on {ROBUSTNESS_IMAGES:,} of the images.")
    report.tables["robustness"] = table
    return {"flip_consistency": same, "robustness": table.to_dict("records")}


IMAGE_SECTIONS = {
    "Random predictions": random_predictions,
    "Most confident mistakes": mistakes,
    "What the network looks at": explanations,
    "Robustness": robustness,
}
