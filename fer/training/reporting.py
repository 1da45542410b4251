"""Draws a run's pictures and writes its report, at once or, for short runs of a sweep, when they are asked for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from omegaconf import DictConfig
from torch import Tensor

from fer import files, runs
from fer.data.datamodule import FERDataModule
from fer.data.folds import FOLD
from fer.evaluation import run_facts
from fer.evaluation.formatting import SPLIT_TITLES
from fer.evaluation.predictions import Predictions
from fer.evaluation.single import short_report
from fer.monitor import mode_of
from fer.plots import confusion_figure, curves_figure, prediction_sheet
from fer.plots.curves import Reference
from fer.plots.matrices import confusion_table
from fer.plots.results import COLUMNS, Faces, results_figure
from fer.training.closing import monitored

SHEET_SIZE = 32
"""Faces on faces.png."""
SHORT = 30.0
"""Seconds of training below which a run of a sweep has no pictures at once: they take longer than its steps."""


def seconds_before(cfg: DictConfig) -> float:
    """Returns the seconds that a run trains before its pictures are worth their time, by the option `report`.

    Runs of a sweep and of a search have existing=continue.
    """
    report = cfg.get("report", "auto")  # runs of earlier versions and benchmarks have none
    if report == "auto":
        return SHORT if cfg.get("existing") == "continue" else 0.0
    return 0.0 if report else float("inf")


def write_report(
    predicted: Mapping[str, Predictions],
    datamodule: FERDataModule,
    folder: Path,
    checkpoint: str = runs.LAST.name,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Writes results.png, confusion.png, faces.png, curves.png, report.html and report.md into a run's folder.

    predicted: the predictions of each scored split. checkpoint: the file that the classifier's weights come from.
    record: of the run.
    """
    draw(predicted, datamodule, folder, checkpoint, record)
    held_out = {split: part for split, part in predicted.items() if split not in ("train", FOLD)}
    short_report(folder, held_out, datamodule.description(), record)


def complete(
    folder: Path, record: Mapping[str, Any], splits: Mapping[str, Predictions], datamodule: FERDataModule | None
) -> bool:
    """Draws the pictures and the report of a finished run that has none yet; returns whether it did.

    splits: the content of the run's predictions.csv. datamodule: with the images of the run.
    """
    if datamodule is None or record.get("status") != "finished" or (folder / runs.RESULTS).exists():
        return False
    if not all(np.array_equal(part.ids, datamodule.splits[split].ids) for split, part in splits.items()):
        return False
    write_report(splits, datamodule, folder, record["checkpoint"], record)
    return True


def draw(
    predicted: Mapping[str, Predictions],
    datamodule: FERDataModule,
    folder: Path,
    checkpoint: str = runs.LAST.name,
    record: Mapping[str, Any] | None = None,
) -> None:
    """Writes results.png, confusion.png and faces.png of the last split, which is test if it was read, and curves.png.

    Without metrics.csv there is no curves.png, and results.png has no curves. Titles name the network, its optimizer,
    data and seed; without a record, the data and the folder.
    """
    split, last = list(predicted.items())[-1]
    name = SPLIT_TITLES.get(split, split)
    score_text = f"{100 * np.mean(last.hits):.1f} % of {len(last):,} {name} images right"
    faces = spread_faces(last, datamodule.splits[split].images)
    name_of_run = run_facts.title(record or {}, f"{datamodule.origin}, {folder.parent.name}/{folder.name}")
    title = f"{name_of_run}: {score_text}"
    table = confusion_table(last.confusion, last.classes)
    files.save_figure(confusion_figure(last.confusion, last.classes, score_text), folder / "confusion.png")
    files.save_figure(prediction_sheet(*faces, heading=title), folder / "faces.png")
    metrics, reference = None, Reference()
    if (folder / runs.HISTORY).is_file():
        metrics = pd.read_csv(folder / runs.HISTORY)
        reference = Reference(best_epoch(folder, checkpoint), majority(datamodule.counts))
        files.save_figure(curves_figure(metrics, reference, name_of_run), folder / "curves.png")
    strip = spread_faces(last, datamodule.splits[split].images, COLUMNS)
    results = results_figure(title, name, table, strip, metrics, reference)
    files.save_figure(results, folder / runs.RESULTS, colours=256)


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
