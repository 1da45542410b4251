"""Adds pictures, the network's graph and distributions of weights to TensorBoard."""

import io
import time
import warnings
from contextlib import redirect_stdout, suppress
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from matplotlib.figure import Figure

from fer.classifier import Classifier
from fer.plots import confusion_figure, face_sheet, prediction_sheet
from fer.preprocess import SIZE
from fer.training.progress import planned_epochs


class Pictures(Callback):
    """Adds pictures to TensorBoard.

    At the start: augmented faces and the network's graph. Every `every_n_epochs` epochs and at the end: the confusion
    matrix of the validation and some of its faces with true and predicted label; with `histograms` the distributions of
    the weights, too. Before `wait` seconds of training nothing is drawn, and those of the start later.
    """

    wait = 0.0

    def __init__(self, every_n_epochs: int = 5, faces: int = 32, histograms: bool = False):
        self.every_n_epochs, self.faces, self.histograms = every_n_epochs, faces, histograms
        self.started = 0.0
        self.first: np.ndarray | None = None  # augmented faces that wait to be drawn

    def on_train_start(self, trainer, pl_module) -> None:
        self.started = time.perf_counter()

    def on_train_batch_start(self, trainer, pl_module: Classifier, batch, batch_idx) -> None:
        if trainer.global_step == 0 and batch_idx == 0:
            images = batch[0][: self.faces, 0].float().cpu().numpy()
            self.first = images / (255 if batch[0].dtype == torch.uint8 else 1)
            self._draw_first(trainer, pl_module)

    def _draw_first(self, trainer: pl.Trainer, classifier: Classifier) -> None:
        """Draws the pictures of the start as soon as it is time for them."""
        if self.first is not None and self._is_time():
            self._draw(trainer, "training faces", face_sheet(self.first))
            add_graph(trainer, classifier)
            self.first = None

    def _is_time(self) -> bool:
        return time.perf_counter() - self.started >= self.wait

    def on_validation_end(self, trainer, pl_module: Classifier) -> None:
        if trainer.sanity_checking or not self._is_time():
            return
        self._draw_first(trainer, pl_module)
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs and epoch != planned_epochs(trainer):
            return
        confusion = pl_module.confusion.cpu().numpy()
        self._draw(trainer, "predictions", self._sheet(trainer, pl_module))
        self._draw(trainer, "predictions, counted", confusion_figure(confusion, pl_module.classes, f"epoch {epoch}"))
        if self.histograms:
            for writer in writers(trainer):
                for name, parameter in pl_module.model.named_parameters():
                    writer.add_histogram(name, parameter.detach().float().cpu(), trainer.global_step)

    def _sheet(self, trainer: pl.Trainer, classifier: Classifier) -> Figure:
        split = trainer.datamodule.splits["val"]  # pyright: ignore[reportAttributeAccessIssue]  # set dynamically
        rows = torch.linspace(0, len(split) - 1, min(self.faces, len(split))).long()
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            predicted = classifier.logits(split.images[rows].to(classifier.device)).argmax(1).tolist()
        names = classifier.classes
        true = [names[label] for label in split.labels[rows].tolist()]
        return prediction_sheet(split.images[rows, 0].cpu().numpy(), true, [names[label] for label in predicted])

    @staticmethod
    def _draw(trainer: pl.Trainer, tag: str, figure: Any) -> None:
        for writer in writers(trainer):
            writer.add_figure(tag, figure, trainer.global_step)


def add_graph(trainer: pl.Trainer, classifier: Classifier) -> None:
    """Adds the network's graph to TensorBoard; networks that cannot be traced, compiled ones too, have none."""
    model = classifier.model
    if getattr(model, "_compiled_call_impl", None) is not None:
        return
    dtype = next(model.parameters()).dtype
    example = torch.zeros(2, classifier.channels, SIZE, SIZE, device=classifier.device, dtype=dtype)
    modes = {module: module.training for module in model.modules()}
    for writer in writers(trainer):
        with suppress(Exception), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            writer.add_graph(model, example)
    for module, mode in modes.items():
        module.training = mode  # add_graph puts all layers back into training, frozen norms too


def writers(trainer: pl.Trainer) -> list[Any]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
