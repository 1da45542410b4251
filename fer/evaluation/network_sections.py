"""Report sections that need network and images: random predictions, mistakes, explanations, robustness."""

from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from fer.errors import UserError
from fer.evaluation import explain, neighbours, robustness
from fer.evaluation.formatting import percent
from fer.evaluation.images import images_with_ids
from fer.evaluation.loading import ClassifierWithData
from fer.evaluation.predictions import Predictions
from fer.plots import prediction_sheet
from fer.plots.robustness import robustness_figure
from fer.report import Report, plain

RANDOM_FACES = 32
"""Faces on the sheet of random predictions."""
ROBUSTNESS_IMAGES = 1000
"""Images at most on which robustness is measured."""
FACES = "The following figures show faces of the data set: publish this report only if you may publish the data."


def add_network_sections(
    report: Report,
    network: ClassifierWithData,
    predictions: Predictions,
    split: str,
    logits: Tensor,
    with_training: bool = True,
) -> dict[str, Any]:
    """Adds all sections and returns their content; a sentence for a section that raises UserError.

    predictions, logits: of `split`, in its order; logits: (N, C) float32. with_training: whether the split "train" of
    the data is what the network was trained on.
    """
    sections = {
        "Random predictions": lambda: add_random_predictions(report, network, predictions),
        "Most confident mistakes": lambda: add_mistakes(report, network, predictions, split, logits, with_training),
        "What the network looks at": lambda: add_explanations(report, network, split, logits),
        "Robustness": lambda: add_robustness(report, network, split),
    }
    content: dict[str, Any] = {}
    for title, add_section in sections.items():
        print(f"{title} …", flush=True)  # each takes a while
        report.heading(title)
        try:
            content |= add_section() or {}
        except UserError as error:
            report.text(plain(f"Not shown: {error}."))
    return content


def add_random_predictions(report: Report, network: ClassifierWithData, predictions: Predictions) -> None:
    if report.with_faces:
        report.text(FACES)
    rows = np.random.default_rng(0).permutation(len(predictions))[:RANDOM_FACES]
    part = predictions.take(np.sort(rows))
    images = images_with_ids(network.datamodule, part.ids)
    true, predicted = ([part.classes[code] for code in codes] for codes in (part.labels, part.predicted))
    sheet = partial(prediction_sheet, images, true, predicted)
    report.faces(sheet, "predictions", "random faces with predicted and true label")


def add_mistakes(
    report: Report,
    network: ClassifierWithData,
    predictions: Predictions,
    split: str,
    logits: Tensor,
    with_training: bool,
) -> None:
    """Adds the most confident mistakes; raises UserError if there is none, and without the images of the training."""
    if not with_training:
        raise UserError("they stand beside training images, and the network was not trained on these data")
    if predictions.hits.all():
        raise UserError("there is no mistake")
    report.text("Each mistake stands beside the training images that are most similar to it for the network.")
    train, evaluated = network.split("train"), network.split(split)
    figure = partial(neighbours.mistakes_figure, network.classifier, train, evaluated, logits)
    report.faces(figure, "mistakes", "most confident mistakes beside their nearest training images")


def add_explanations(report: Report, network: ClassifierWithData, split: str, logits: Tensor) -> None:
    """Adds Grad-CAM and integrated gradients; raises UserError for a report without faces."""
    if not report.with_faces:
        raise UserError("it shows faces, which --no-faces leaves out")
    figures = explain.heat_figures(network.classifier, network.split(split), logits)
    for name, figure in figures.items():
        report.figure(figure, name, f"faces of each class beside the evidence for the predicted class: {name}")


def add_robustness(report: Report, network: ClassifierWithData, split: str) -> dict[str, Any]:
    """Adds accuracy under distortions; raises UserError for a part of the classes and for logit adjustment."""
    if len(network.classes) < len(network.classifier.classes):
        raise UserError("it is measured among all classes of the classifier; leave out --labels")
    if network.logit_adjustment:
        raise UserError("it is measured without logit adjustment; leave out --logit-adjustment")
    part = network.split(split)
    table = robustness.accuracy_curves(network.classifier, part, ROBUSTNESS_IMAGES)
    consistency = robustness.flip_consistency(network.classifier, part)
    report.text(f"{percent(consistency)} of the faces get the same class when they are mirrored.")
    report.figure(robustness_figure(table), "robustness", "accuracy against the strength of distortions")
    if len(part) > ROBUSTNESS_IMAGES:
        report.text(f"Measured on {ROBUSTNESS_IMAGES:,} of the images.")
    report.tables["robustness"] = table
    return {"flip_consistency": consistency, "robustness": table.to_dict("records")}
