"""Callbacks that Lightning lacks: stop on a non-finite loss, images/s, pictures, plain progress lines."""

import io
import math
import sys
import time
import warnings
from contextlib import redirect_stdout, suppress
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ProgressBar, RichProgressBar
from lightning.pytorch.loggers import TensorBoardLogger

from fer.console import duration
from fer.errors import UserError
from fer.plots import confusion_figure, face_sheet, prediction_sheet
from fer.preprocess import SIZE


class Diverged(UserError):
    """The loss became NaN or infinite."""


class FiniteLoss(Callback):
    """Raises Diverged where the loss is NaN or infinite. It checks every `log_every_n_steps`, to keep GPUs busy."""

    loss: torch.Tensor | None = None  # of the last batch

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.loss = outputs["loss"]
        if (batch_idx + 1) % trainer.log_every_n_steps == 0:
            self._check(trainer, "training", self.loss)

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        if self.loss is not None:  # None where a resumed run had no batch of this epoch left
            self._check(trainer, "training", self.loss)

    def on_validation_end(self, trainer, pl_module) -> None:
        self._check(trainer, "validation", trainer.callback_metrics.get("val/loss", torch.zeros(())))

    def _check(self, trainer: pl.Trainer, split: str, loss: torch.Tensor) -> None:
        loss = trainer.strategy.reduce(loss)  # so that all ranks stop together
        if not math.isfinite(loss):
            group = trainer.optimizers[0].param_groups[0]
            start = trainer.optimizers[0].defaults["lr"]  # the current rate may be 0 by its schedule
            raise Diverged(
                f"the {split} loss is {float(loss)} by step {trainer.global_step} (epoch {trainer.current_epoch + 1}, "
                f"learning rate {group['lr']:.3g}); try optimizer.lr={start / 10:.1g}, trainer.gradient_clip_val=1 or "
                "trainer.precision=32-true"
            )


class ValidatedInTime(Callback):
    """Raises UserError before the first step of a run that ends before the first validation, if it stops early."""

    def on_train_start(self, trainer, pl_module) -> None:
        stopping = trainer.early_stopping_callback
        if not stopping or not stopping.monitor.startswith("val/"):
            return
        ends = [
            (trainer.max_epochs or -1) * trainer.num_training_batches,
            trainer.max_steps * trainer.accumulate_grad_batches,
        ]
        last = min((batches for batches in ends if batches > 0), default=math.inf)
        first = trainer.val_check_batch + ((trainer.check_val_every_n_epoch or 1) - 1) * trainer.num_training_batches
        if last < first:
            raise UserError(
                f"training ends after {last} batches, before the first validation after {first}, which early stopping "
                "waits for; train longer, validate sooner (trainer.val_check_interval) or set "
                "callbacks.early_stopping=null"
            )


class Throughput(Callback):
    """Logs training images/s, and prints after the first steps how long the whole training will take."""

    def __init__(self, warmup_steps: int = 3, estimate_after: int = 15):
        self.warmup_steps, self.estimate_after = warmup_steps, estimate_after
        self.images = self.steps = 0
        self.seconds = 0.0

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        self.images = self.steps = 0
        self.seconds = 0.0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.steps += 1
        now = time.perf_counter()
        if self.steps == self.warmup_steps:
            self.since = now
        elif self.steps > self.warmup_steps:
            self.seconds = now - self.since
            self.images += len(batch[1]) * trainer.world_size
            if self.steps % trainer.log_every_n_steps == 0:
                pl_module.log("images_per_s", self.images / self.seconds, prog_bar=True)
            if self.steps == self.estimate_after and trainer.current_epoch == 0:
                self._estimate(trainer)

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        if self.seconds:  # the time of the validation is not included
            pl_module.log("images_per_s", self.images / self.seconds)

    def _estimate(self, trainer: pl.Trainer) -> None:
        step = self.seconds / (self.steps - self.warmup_steps)
        epochs = planned_epochs(trainer)
        rest = step * trainer.num_training_batches * work(trainer, 0, epochs) / work(trainer, 0, 1)
        rate = self.images / self.seconds
        say(trainer, f"{rate:,.0f} images/s: about {duration(rest)} for {epochs} epochs, less if it stops early")


class Pictures(Callback):
    """Adds pictures to TensorBoard.

    At the start: augmented faces and the network's graph. Every `every_n_epochs` epochs and at the end: the confusion
    matrix of the validation and some of its faces with true and predicted label; with `histograms` the distributions of
    the weights, too.
    """

    def __init__(self, every_n_epochs: int = 5, faces: int = 32, histograms: bool = False):
        self.every_n_epochs, self.faces, self.histograms = every_n_epochs, faces, histograms

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        if trainer.global_step == 0 and batch_idx == 0:
            images = batch[0][: self.faces, 0].float().cpu().numpy()
            images = images / (255 if batch[0].dtype == torch.uint8 else 1)
            self._draw(trainer, "training faces", face_sheet(images))
            add_graph(trainer, pl_module)

    def on_validation_end(self, trainer, pl_module) -> None:
        epoch = trainer.current_epoch + 1
        if trainer.sanity_checking or (epoch % self.every_n_epochs and epoch != planned_epochs(trainer)):
            return
        confusion = pl_module.confusion.cpu().numpy()
        self._draw(trainer, "predictions", self._sheet(trainer, pl_module))
        self._draw(trainer, "predictions, counted", confusion_figure(confusion, pl_module.classes, f"epoch {epoch}"))
        if self.histograms:
            for writer in writers(trainer):
                for name, parameter in pl_module.model.named_parameters():
                    writer.add_histogram(name, parameter.detach().float().cpu(), trainer.global_step)

    def _sheet(self, trainer: pl.Trainer, pl_module: pl.LightningModule):
        split = trainer.datamodule.splits["val"]
        rows = torch.linspace(0, len(split) - 1, min(self.faces, len(split))).long()
        with torch.no_grad(), trainer.precision_plugin.forward_context():
            predicted = pl_module.logits(split.images[rows].to(pl_module.device)).argmax(1).tolist()
        names = pl_module.classes
        true = split.labels[rows].tolist()
        return prediction_sheet(
            split.images[rows, 0].cpu().numpy(), [names[t] for t in true], [names[p] for p in predicted]
        )

    @staticmethod
    def _draw(trainer: pl.Trainer, tag: str, figure: Any) -> None:
        for writer in writers(trainer):
            writer.add_figure(tag, figure, trainer.global_step)


def add_graph(trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
    """Adds the network's graph to TensorBoard; networks that cannot be traced, compiled ones too, have none."""
    model = pl_module.model
    if getattr(model, "_compiled_call_impl", None) is not None:
        return
    example = torch.zeros(2, pl_module.channels, SIZE, SIZE, device=pl_module.device, dtype=pl_module.dtype)
    modes = {module: module.training for module in model.modules()}
    for writer in writers(trainer):
        with suppress(Exception), warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            writer.add_graph(model, example)
    for module, mode in modes.items():
        module.training = mode  # add_graph puts all layers back into training, frozen norms too


def planned_epochs(trainer: pl.Trainer) -> int:
    """Returns the number of epochs of the whole run, by max_epochs or max_steps, whichever ends it first."""
    ends = [trainer.max_epochs] if trainer.max_epochs and trainer.max_epochs > 0 else []
    if trainer.max_steps > 0:
        ends.append(math.ceil(trainer.max_steps * trainer.accumulate_grad_batches / trainer.num_training_batches))
    return min(ends)


def work(trainer: pl.Trainer, start: int, end: int) -> float:
    """Returns the work of the epochs from `start` to before `end`, in epochs on pictures of full size."""
    resizing = getattr(trainer.datamodule, "resizing", None)
    return resizing.work(start, end) if resizing else max(end - start, 0)


def writers(trainer: pl.Trainer) -> list[Any]:
    return [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]


class Lines(ProgressBar):
    """Prints one line for each epoch, for logs and pipes."""

    is_enabled = True

    def disable(self) -> None:
        self.is_enabled = False

    def enable(self) -> None:
        self.is_enabled = True

    def on_train_start(self, trainer, pl_module) -> None:
        self.started = time.perf_counter()
        self.first = trainer.current_epoch
        self.updated = ["train"]  # the splits with figures of this epoch

    def on_validation_end(self, trainer, pl_module) -> None:
        self.updated = ["train", "val"]

    def on_train_epoch_start(self, trainer, pl_module) -> None:
        self._line(trainer)  # for the epoch before, whose last figures are logged after on_train_epoch_end

    def on_train_end(self, trainer, pl_module) -> None:
        self._line(trainer)

    def _line(self, trainer: pl.Trainer) -> None:
        epoch, metrics = trainer.current_epoch, trainer.callback_metrics
        if epoch == self.first:
            return
        seconds = time.perf_counter() - self.started
        epochs = planned_epochs(trainer)
        left = seconds * work(trainer, epoch, epochs) / work(trainer, self.first, epoch)
        figures = [
            f"{split} loss {metrics[f'{split}/loss']:.4f} accuracy {100 * metrics[f'{split}/accuracy']:.2f} %"
            for split in self.updated
            if f"{split}/loss" in metrics
        ]
        self.updated = ["train"]
        speed = f"{metrics['images_per_s']:,.0f} images/s, " if "images_per_s" in metrics else ""
        self.print(
            f"epoch {epoch}/{epochs}: {'; '.join(figures)}; {speed}{duration(seconds)} elapsed, "
            f"at most {duration(left)} left",
            flush=True,
        )

    def print(self, *args: Any, **kwargs: Any) -> None:
        if self.is_enabled:
            print(*args, **kwargs)


def progress_bar(refresh_rate: int = 10) -> ProgressBar:
    """Returns a progress bar on a terminal, and plain lines elsewhere."""
    return RichProgressBar(refresh_rate=refresh_rate, leave=True) if sys.stdout.isatty() else Lines()


def say(trainer: pl.Trainer, text: str) -> None:
    """Prints a line above the progress bar, on rank 0."""
    if trainer.is_global_zero:
        bar = trainer.progress_bar_callback
        (bar.print if bar else print)(text)
