"""Callbacks that Lightning lacks: stop on a non-finite loss or before a run without validation, images/s.

Configs name every callback by this module, those of `fer.training.pictures` and `fer.training.progress` too.
"""

import math
import time
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from fer.console import duration
from fer.counting import counted
from fer.errors import UserError
from fer.training.pictures import Pictures
from fer.training.progress import planned_epochs, progress_bar, say, work

__all__ = ["Diverged", "FiniteLoss", "Pictures", "Throughput", "ValidatedInTime", "progress_bar"]


class Diverged(UserError):
    """The loss became NaN or infinite."""


class FiniteLoss(Callback):
    """Raises Diverged where the loss is NaN or infinite. It checks every `log_every_n_steps`, to keep GPUs busy."""

    loss: torch.Tensor | None = None  # of the last batch

    def on_train_batch_end(self, trainer, pl_module, outputs: Any, batch, batch_idx) -> None:
        loss = self.loss = outputs["loss"]
        if (batch_idx + 1) % log_interval(trainer) == 0:
            self._check(trainer, "training", loss)

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


class LoggedInTime(Callback):
    """Logs a step in each epoch at least, so that the learning rates of short runs are known."""

    def on_train_start(self, trainer, pl_module) -> None:
        interval = min(log_interval(trainer), trainer.num_training_batches)
        trainer.log_every_n_steps = interval  # pyright: ignore[reportAttributeAccessIssue]  # set dynamically


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
        first = (trainer.val_check_batch or 0) + (
            (trainer.check_val_every_n_epoch or 1) - 1
        ) * trainer.num_training_batches
        if last < first:
            raise UserError(
                f"training ends after {counted(int(last), 'batch', 'batches')}, before the first validation after "
                f"{first}, which early stopping waits for; train longer, validate sooner "
                "(trainer.val_check_interval) or set callbacks.early_stopping=null"
            )


def log_interval(trainer: pl.Trainer) -> int:
    """Returns the number of batches between two logged steps."""
    return trainer.log_every_n_steps  # pyright: ignore[reportAttributeAccessIssue]  # set dynamically


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
            if self.steps % log_interval(trainer) == 0:
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
        whole = f"about {duration(rest)} for {counted(epochs, 'epoch')}"
        say(trainer, f"{rate:,.0f} images/s: {whole}, less if it stops early")
