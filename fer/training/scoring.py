"""Scores a classifier on every split: final metrics and predictions.csv."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback

from fer import files, memory, runs
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.data.folds import FOLD
from fer.evaluation import calibration, predictions
from fer.evaluation.predictions import Predictions
from fer.metrics import figures
from fer.training.reporting import write_report


def score(
    classifier: Classifier,
    datamodule: FERDataModule,
    folder: Path,
    accelerator: str,
    checkpoint: str = runs.LAST.name,
    record: Mapping[str, Any] | None = None,
    with_report: bool = True,
) -> dict[str, float | None]:
    """Returns the metrics of a classifier on the data module's scored splits, each read once by a fresh trainer.

    Adds the temperature fitted on validation, None for too few images. Writes into `folder` predictions.csv, with
    data.fold opinions.csv, and, if `with_report`, pictures and report; checkpoint and record are passed to
    `write_report`. All is computed in float32, whatever the precision of training, so that fer.evaluate and exported
    networks give the same metrics.
    """
    classifier.float().zero_grad()
    memory.release_freed()  # what training requested
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
    if with_report:
        write_report(predicted, datamodule, folder, checkpoint, record)
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
