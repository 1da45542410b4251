"""Writes the report on one classifier."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer.errors import UserError
from fer.evaluation import run_facts
from fer.evaluation.confidence import add_calibration, add_coverage
from fer.evaluation.formatting import SPLIT_TITLES
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import data_sentences
from fer.evaluation.sections import add_accuracy, add_classes, add_confusions, add_ranking
from fer.report import Report, plain
from fer.trust import option_for

FIGURE_FILES = {
    "curves.png": ("Training", "loss, accuracy and learning rate by epoch"),
    "confusion.png": ("Confusion matrix of the held-out split", "confusion matrix, rows = true class"),
}
"""Figure in a run's folder -> heading and alternative text."""


def short_report(
    folder: Path, splits: Mapping[str, Predictions], data: Mapping[str, Any], record: Mapping[str, Any] | None = None
) -> None:
    """Writes report.html and report.md of a run into its folder, beside the figures that they show.

    splits: predictions of the held-out splits. data: the data module's description. record: of the
    run, as far as known.
    """
    record = record or {}
    report = Report(run_facts.title(record, f"{folder.parent.name}/{folder.name}".lstrip("/")))
    report.items(run_facts.summary(record, splits))
    for sentence in data_sentences({"data": data}):
        report.text(plain(sentence))
    add_accuracy(report, {f"{SPLIT_TITLES[split]} split": predictions for split, predictions in splits.items()})
    add_classes(report, splits)
    for name, (title, alt) in FIGURE_FILES.items():
        if (folder / name).is_file():
            report.heading(title)
            report.text(f"![{alt}]({name})")
    add_calibration(report, splits, list(splits))
    report.tables.clear()  # predictions.csv in the folder holds the same data
    trust = option_for(record["config"]) if record else ""
    command = f"python -m fer.evaluate {plain(str(folder))}{trust}"
    report.text(f"For a longer report, or several runs side by side: `{command}`")
    report.write(folder)


def full_report(report: Report, source: EvaluationInput, split: str, images: bool) -> dict[str, Any]:
    """Adds all sections on one split and returns their content; images: whether to add those that need images."""
    predictions = source.predictions(split)
    parts, remarks = subsets(source, predictions)
    content: dict[str, Any] = {"accuracy": add_accuracy(report, parts)}
    for remark in remarks:
        report.text(plain(remark))
    content["per_class"] = add_classes(report, {split: predictions})
    content |= add_confusions(report, predictions)
    content["calibration"] = add_calibration(report, source.splits, [split])[split]
    content["coverage"] = add_coverage(report, predictions)
    content["ranking"] = add_ranking(report, predictions)
    if images:
        content |= image_sections(report, source, split)
    return content


def subsets(source: EvaluationInput, predictions: Predictions) -> tuple[dict[str, Predictions], list[str]]:
    """Returns title -> predictions of all images and of subsets of them, and sentences on subsets that are missing.

    The subsets: images without copies in training, and images whose label FER+ shares.
    """
    parts, datamodule = {"all images": predictions}, source.datamodule
    shared = [name for code, name in enumerate(predictions.classes) if code in predictions.labels]
    if 1 < len(shared) < len(predictions.classes):
        parts["decided among the classes of these images"] = predictions.restrict(shared)
    if datamodule is None:
        sentence = "Accuracy on images without copies in training, and where FER+ agrees, needs the images"
        return parts, [f"{sentence}: {source.images_missing}."]
    if not source.trained_on:
        return parts, [
            "Whether the network was trained on some of these images is not known: copies are not looked for."
        ]
    from fer.evaluation.subsets import ferplus_agreement, without_training_copies  # imports torch

    remarks = []
    without_copies = without_training_copies(datamodule, predictions.ids)
    without_near_copies = without_training_copies(datamodule, predictions.ids, near=True)
    if without_copies.all():
        remarks.append("No image also occurs in training.")
    else:
        parts["without copies of training images"] = predictions.take(without_copies)
    if without_near_copies.sum() < without_copies.sum():
        parts["without near copies either"] = predictions.take(without_near_copies)
    try:
        labels = [predictions.classes[code] for code in predictions.labels]
        agreement = ferplus_agreement(datamodule, predictions.ids, labels)
        parts["where the majority of FER+ agrees"] = predictions.take(agreement)
    except UserError as error:
        remarks.append(f"Accuracy where FER+ agrees is not shown: {error}.")
    return {name: part for name, part in parts.items() if len(part)}, remarks


def image_sections(report: Report, source: EvaluationInput, split: str) -> dict[str, Any]:
    """Adds the sections that need network and images, or the reason why they are missing; returns their content."""
    if source.network is None:
        reason = source.images_missing if source.path.is_dir() else "give the run's folder or its checkpoint"
        report.text(plain(f"Nearest training images, explanations and robustness need the network: {reason}."))
        return {}
    from fer.evaluation.network_sections import add_network_sections  # imports torch

    logits = source.network.logits(split) if source.logits is None else source.logits
    with_training = source.trained_on
    return add_network_sections(report, source.network, source.predictions(split), split, logits, with_training)
