"""Scores a classifier on every split: final metrics, predictions.csv and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from fer import files, runs
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.data.folds import FOLD
from fer.evaluation import calibration, predictions
from fer.evaluation.formatting import SPLIT_TITLES
from fer.evaluation.predictions import Predictions
from fer.evaluation.single import short_report
from fer.metrics import figures
from fer.monitor import mode_of
from fer.plots import confusion_figure, curves_figure, prediction_sheet
from fer.plots.curves import Reference
from fer.plots.matrices import confusion_table
from fer.plots.results import COLUMNS, Faces, results_figure
from fer.training.closing import monitored

SHEET_SIZE = 32
"""Faces on faces.png."""


def score(
    classifier: Classifier,
    datamodule: FERDataModule,
    folder: Path,
    accelerator: str,
    checkpoint: str = runs.LAST.name,
    record: Mapping[str, Any] | None = None,
) -> dict[str, float | None]:
    """Returns the metrics of a classifier on the data module's scored splits, each read once by a fresh trainer.

    With them the temperature fitted on validation, for those who use the network; None for too few images. Also writes
    predictions.csv, with data.fold opinions.csv, results.png, confusion.png, faces.png, curves.png, report.html and
    report.md into `folder`. checkpoint: the file that the classifier's weights come from. record: of the run, for its
    report. All is computed in float32, whatever the precision of training, so that fer.evaluate and exported networks
    give the same metrics.
    """
    classifier.float()
    sizes = [len(datamodule.splits[split]) for split in datamodule.scored]
    collected = Collected(sizes, len(classifier.classes))
    tester = pl.Trainer(
        accelerator=accelerator,
        devices=1,
        plugins=[LightningEnvironment()],  # alone, whatever launched the training
        precision="32-true",
        callbacks=[collected],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(folder),
    )
    tester.predict(classifier, datamodule=datamodule, return_predictions=False)
    classifier.cpu()
    results: dict[str, float | None] = {}
    predicted: dict[str, Predictions] = {}
    for split, (rows, labels, logits) in zip(datamodule.scored, collected.splits, strict=True):
        ids = datamodule.splits[split].ids[rows]
        predicted[split] = predictions.from_logits(ids, labels.numpy(), logits.numpy(), classifier.classes)
        results |= split_figures(split, predicted[split], classifier.loss(logits, labels).item())
        if split == "val":
            results["temperature"] = calibration.stored_temperature(logits.double().numpy(), labels.numpy())
    held_out = {split: part for split, part in predicted.items() if split not in ("train", FOLD)}
    write_predictions(held_out, folder / runs.PREDICTIONS)
    if FOLD in predicted:
        write_predictions({"train": predicted[FOLD]}, folder / runs.OPINIONS)
    draw(predicted, datamodule, folder, checkpoint)
    short_report(folder, held_out, datamodule.description(), record)
    return results


def split_figures(split: str, predicted: Predictions, loss: float) -> dict[str, float]:
    """Returns loss, accuracy and the other figures of a split under names such as "val/accuracy"."""
    values = {"loss": loss, **figures(predicted.confusion, predicted.classes)}
    return {f"{split}/{name}": value for name, value in values.items()}


def write_predictions(predicted: Mapping[str, Predictions], path: Path) -> None:
    """Writes the predictions of one or more splits, as in predictions.csv."""
    table = pd.concat([part.table(split) for split, part in predicted.items()])
    with files.atomic(path) as file:
        table.to_csv(file, index=False, float_format=predictions.DIGITS)


def draw(
    predicted: Mapping[str, Predictions], datamodule: FERDataModule, folder: Path, checkpoint: str = runs.LAST.name
) -> None:
    """Writes results.png, confusion.png and faces.png of the last split, which is test if it was read, and curves.png.

    Without metrics.csv there is no curves.png, and results.png has no curves.
    """
    split, last = list(predicted.items())[-1]
    name = SPLIT_TITLES.get(split, split)
    score_text = f"{100 * np.mean(last.hits):.1f} % of {len(last):,} {name} images right"
    faces = spread_faces(last, datamodule.splits[split].images)
    title = f"{datamodule.origin}: {score_text}"
    table = confusion_table(last.confusion, last.classes)
    files.save_figure(confusion_figure(last.confusion, last.classes, score_text), folder / "confusion.png")
    files.save_figure(prediction_sheet(*faces, heading=title), folder / "faces.png")
    metrics, reference = None, Reference()
    if (folder / runs.HISTORY).is_file():
        metrics = pd.read_csv(folder / runs.HISTORY)
        reference = Reference(best_epoch(folder, checkpoint), majority(datamodule.counts))
        heading = f"{datamodule.origin}: {folder.parent.name}/{folder.name}"
        files.save_figure(curves_figure(metrics, reference, heading), folder / "curves.png")
    strip = spread_faces(last, datamodule.splits[split].images, COLUMNS)
    results = results_figure(title, name, table, strip, metrics, reference)
    files.save_figure(results, folder / "results.png", colours=256)


def best_epoch(folder: Path, checkpoint: str) -> int | None:
    """Returns the epoch, from 1, whose weights are scored; None where no figure chose it."""
    if Path(checkpoint).name == runs.LAST.name or not (folder / runs.CONFIG).is_file():
        return None
    monitor = runs.read_config(folder).get("monitor")
    curve = monitored(folder, monitor)
    if curve is None:
        return None
    best = int(curve.argmin() if mode_of(monitor) == "min" else curve.argmax())
    return int(curve.index[best]) + 1


def majority(counts: Mapping[str, Mapping[str, int]]) -> tuple[str, float] | None:
    """Returns the commonest class of training and its share of validation; None without validation images."""
    validation = counts.get("val", {})
    if not sum(validation.values()):
        return None
    commonest = max(counts["train"], key=lambda name: counts["train"][name])
    return commonest, validation.get(commonest, 0) / sum(validation.values())


class Collected(Callback):
    """Keeps row, label and logits of every image of each split, in tensors that are allocated beforehand.

    Kept batch by batch, these small results would lie between the large blocks of the forward passes and keep them from
    being reused: a process of 2 GB grew to 7 GB (see `fer.memory.keep_freed`).
    """

    def __init__(self, sizes: Sequence[int], classes: int):
        self.splits = [
            (torch.empty(n, dtype=torch.long), torch.empty(n, dtype=torch.long), torch.empty(n, classes)) for n in sizes
        ]
        self.filled = [0] * len(sizes)

    def on_predict_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0) -> None:
        start = self.filled[dataloader_idx]
        self.filled[dataloader_idx] += len(outputs[0])
        for kept, values in zip(self.splits[dataloader_idx], outputs, strict=True):
            kept[start : start + len(values)] = values


def spread_faces(predicted: Predictions, images: Tensor, number: int = SHEET_SIZE) -> Faces:
    """Returns some faces of a split, evenly spread, with their labels and predictions.

    images: (N, 1, 48, 48), in the order of `predicted`.
    """
    rows = np.linspace(0, len(predicted) - 1, min(number, len(predicted))).astype(int)
    names = np.array(predicted.classes)
    return Faces(
        images[torch.from_numpy(rows), 0].cpu().numpy(),
        names[predicted.labels[rows]].tolist(),
        names[predicted.predicted[rows]].tolist(),
        predicted.confidence[rows].tolist(),
    )
