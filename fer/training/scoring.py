"""Scores a classifier on every split: final figures, predictions.csv and figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.environments import LightningEnvironment
from torch import Tensor

from fer import confusion, files, runs
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.data.folds import FOLD
from fer.evaluation import calibration
from fer.evaluation.single import short_report
from fer.metrics import figures
from fer.plots import confusion_figure, curves_figure, prediction_sheet

SHOWN = 32  # faces on the sheet
DIGITS = "%.5g"
"""Of predictions.csv: significant digits, so that the logarithms of small probabilities stay right."""


def score(
    classifier: Classifier, datamodule: FERDataModule, folder: Path, accelerator: str, precision: str
) -> dict[str, float]:
    """Loss, accuracy and so on of a classifier on the data module's scored splits, each read once by a fresh trainer.

    With them the temperature fitted on validation, for those who use the network. Also writes predictions.csv, with
    data.fold opinions.csv, confusion.png, faces.png, curves.png, report.html and report.md into `folder`.
    """
    sizes = [len(datamodule.splits[split]) for split in datamodule.scored]
    collected = Collected(sizes, len(classifier.classes))
    tester = pl.Trainer(
        accelerator=accelerator,
        devices=1,
        plugins=[LightningEnvironment()],  # alone, whatever launched the training
        precision=precision,
        callbacks=[collected],
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(folder),
    )
    tester.predict(classifier, datamodule=datamodule, return_predictions=False)
    classifier.cpu()
    results, tables = {}, {}
    for split, (rows, labels, logits) in zip(datamodule.scored, collected.splits, strict=True):
        counts = confusion.count(labels.numpy(), logits.argmax(1).numpy(), len(classifier.classes))
        loss = {"loss": classifier.loss(logits, labels).item()}
        results |= {f"{split}/{k}": v for k, v in (loss | figures(counts, classifier.classes)).items()}
        ids = datamodule.splits[split].ids[rows]
        tables[split] = prediction_table(split, ids, labels, logits, classifier.classes)
        if split == "val":
            results["temperature"] = calibration.fitted(logits.double().numpy(), labels.numpy())
    held_out = pd.concat([table for name, table in tables.items() if name not in ("train", FOLD)])
    write_table(held_out, folder / runs.PREDICTIONS)
    if FOLD in tables:
        write_table(tables[FOLD].assign(split="train"), folder / runs.OPINIONS)
    title = f"{split}: accuracy {100 * results[f'{split}/accuracy']:.2f} %"  # of the last one: test, if it was read
    files.save_figure(confusion_figure(counts, classifier.classes, title), folder / "confusion.png")
    files.save_figure(sheet(tables[split], datamodule.splits[split].images), folder / "faces.png")
    if (folder / "metrics.csv").is_file():
        files.save_figure(curves_figure(pd.read_csv(folder / "metrics.csv")), folder / "curves.png")
    short_report(folder)
    return results


def write_table(table: pd.DataFrame, path: Path) -> None:
    with files.atomic(path) as file:
        table.to_csv(file, index=False, float_format=DIGITS)


class Collected(Callback):
    """Row, label and logits of every image of each split, in tensors that were made beforehand.

    Small results that stay between the large blocks of a forward pass would break these up: kept batch by batch, they
    made a process of 2 GB one of 7 (see `fer.memory.keep_freed`).
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


def sheet(table: pd.DataFrame, images: Tensor) -> Any:
    """Some faces of a split, evenly spread, with predicted and true label; `table` is in the order of `images`."""
    rows = np.linspace(0, len(table) - 1, min(SHOWN, len(table))).astype(int)
    shown = table.iloc[rows]
    return prediction_sheet(images[torch.from_numpy(rows), 0].cpu().numpy(), shown["true"], shown["predicted"])


def prediction_table(
    split: str, ids: np.ndarray, labels: Tensor, logits: Tensor, classes: Sequence[str]
) -> pd.DataFrame:
    """split, id, true, predicted, and one probability a class under the class's name."""
    names = np.array(classes)
    known = {"split": split, "id": ids, "true": names[labels], "predicted": names[logits.argmax(1)]}
    probabilities = pd.DataFrame(logits.double().softmax(1).numpy(), columns=list(classes))
    return pd.concat([pd.DataFrame(known), probabilities], axis=1)
