"""Times fer.train's own fit: a callback lets the other loops run between its blocks."""

import io
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from pathlib import Path

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, Checkpoint, EarlyStopping
from lightning.pytorch.profilers import Profiler
from omegaconf import DictConfig

from fer.benchmarking.timing import Clock
from fer.data.datamodule import FERDataModule
from fer.training.building import build_callbacks, build_loggers, build_trainer, classifier_for
from fer.training.checkpointing import WholeFiles

APART = (Checkpoint, EarlyStopping)
"""Callbacks that save, or look at the validation: neither is in the timed part."""


class Blocks(Callback):
    """Cuts a fit into blocks of `warmup` untimed and `steps` timed training steps; `between` runs before each block.

    A block ends where one training step's callbacks end, so all that a step does is in it: loader, transfer,
    augmentation, network, metrics, callbacks, logging, and what the ends of epochs bring.
    """

    def __init__(self, rounds: int, warmup: int, steps: int, watch: Clock, between: Callable[[], None] = lambda: None):
        self.rounds, self.warmup, self.steps, self.watch, self.between = rounds, warmup, steps, watch, between
        self.images: list[int] = []
        self.seconds: list[float] = []
        self.done = 0

    @property
    def speeds(self) -> list[float]:
        """Images/s of each block."""
        return [images / seconds for images, seconds in zip(self.images, self.seconds, strict=True)]

    @property
    def total_steps(self) -> int:
        return self.rounds * (self.warmup + self.steps)

    def on_train_start(self, trainer, pl_module) -> None:
        self.between()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.done += 1
        place = self.done % (self.warmup + self.steps)
        if place == self.warmup:
            self.seen, self.since = 0, self.watch()
        elif place == 0:
            self.seconds.append(self.watch() - self.since)
            self.images.append(self.seen + len(batch[1]))
            if len(self.seconds) < self.rounds:
                self.between()
        elif place > self.warmup:
            self.seen += len(batch[1])


def fit(
    cfg: DictConfig, datamodule: FERDataModule, blocks: Blocks, folder: Path, profiler: Profiler | None = None
) -> pl.Trainer:
    """The trainer after the fit that `blocks` times, logs in `folder`; see `make_trainer`."""
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if cfg.compile:
        classifier.model.compile()
    trainer = make_trainer(cfg, blocks, folder, profiler)
    with unheard():
        trainer.fit(classifier, datamodule=datamodule)
    return trainer


def make_trainer(cfg: DictConfig, blocks: Blocks, folder: Path, profiler: Profiler | None = None) -> pl.Trainer:
    """The trainer of `fer.train` with its loggers and callbacks, but for what saves and validates; ends with `blocks`.

    `blocks` comes last, so that each of its blocks holds what all the others do in a step.
    """
    cfg = cfg.copy()
    cfg.output_dir = str(folder)
    return build_trainer(
        cfg,
        default_root_dir=str(folder),
        logger=build_loggers(cfg),
        callbacks=[*(callback for callback in build_callbacks(cfg) if not isinstance(callback, APART)), blocks],
        plugins=[WholeFiles()],
        profiler=profiler,
        max_epochs=-1,
        max_steps=blocks.total_steps,
        limit_val_batches=0,
        enable_checkpointing=False,
    )


def unheard() -> AbstractContextManager:
    """Keeps the lines of a run that writes into a pipe to itself; on a terminal the progress bar is shown as ever."""
    return nullcontext() if sys.stdout.isatty() else redirect_stdout(io.StringIO())
