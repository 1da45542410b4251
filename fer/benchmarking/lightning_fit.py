"""The column "whole": the fit of fer.train, timed in blocks by a callback."""

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
from fer.training.building import classifier_for
from fer.training.checkpointing import WholeFiles
from fer.training.trainer import build_callbacks, build_loggers, build_trainer, history, plugins

UNTIMED = (Checkpoint, EarlyStopping)
"""Callbacks that save or validate; the timed fit runs without them."""


class BlockTimer(Callback):
    """Times a fit in blocks of `warmup` untimed and `steps` timed training steps; calls `before_block` before each.

    A block ends after the callbacks of a training step, so it includes everything in a step: loader, transfer,
    augmentation, network, metrics, callbacks, logging, and the ends of epochs.

    images, seconds: timed images and their duration, of each block.
    """

    def __init__(
        self, blocks: int, warmup: int, steps: int, clock: Clock, before_block: Callable[[], None] = lambda: None
    ):
        self.blocks, self.warmup, self.steps, self.clock, self.before_block = blocks, warmup, steps, clock, before_block
        self.images: list[int] = []
        self.seconds: list[float] = []
        self.steps_done = 0
        self.block_images, self.block_start = 0, 0.0

    @property
    def speeds(self) -> list[float]:
        """Images/s of each block."""
        return [images / seconds for images, seconds in zip(self.images, self.seconds, strict=True)]

    @property
    def total_steps(self) -> int:
        return self.blocks * (self.warmup + self.steps)

    def on_train_start(self, trainer, pl_module) -> None:
        self.before_block()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.steps_done += 1
        step = (self.steps_done - 1) % (self.warmup + self.steps) + 1  # within the block, from 1
        if step > self.warmup:
            self.block_images += len(batch[1])
        if step == self.warmup:
            self.block_images, self.block_start = 0, self.clock()
        elif step == self.warmup + self.steps:
            self.seconds.append(self.clock() - self.block_start)
            self.images.append(self.block_images)
            if len(self.seconds) < self.blocks:
                self.before_block()


def fit(
    cfg: DictConfig, datamodule: FERDataModule, timer: BlockTimer, folder: Path, profiler: Profiler | None = None
) -> pl.Trainer:
    """Fits with the callback `timer`, with logs in `folder`, and returns the trainer; see `make_trainer`."""
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if cfg.compile:
        classifier.model.compile()
    trainer = make_trainer(cfg, timer, folder, profiler)
    with silenced():
        trainer.fit(classifier, datamodule=datamodule)
    return trainer


def make_trainer(cfg: DictConfig, timer: BlockTimer, folder: Path, profiler: Profiler | None = None) -> pl.Trainer:
    """Returns the trainer of `fer.train` with its loggers and callbacks, except those that save or validate.

    `timer` is the last callback, so that its blocks include the time of all others.
    """
    cfg = cfg.copy()
    cfg.output_dir = str(folder)
    callbacks = [callback for callback in build_callbacks(cfg, folder) if not isinstance(callback, UNTIMED)]
    return build_trainer(
        cfg,
        default_root_dir=str(folder),
        logger=[history(folder), *build_loggers(cfg)],
        callbacks=[*callbacks, timer],
        plugins=[*plugins(cfg), WholeFiles()],
        profiler=profiler,
        max_epochs=-1,
        max_steps=timer.total_steps,
        limit_val_batches=0,
        enable_checkpointing=False,
    )


def silenced() -> AbstractContextManager:
    """Hides what a fit prints into a pipe or file; on a terminal its progress bar is shown."""
    return nullcontext() if sys.stdout.isatty() else redirect_stdout(io.StringIO())
