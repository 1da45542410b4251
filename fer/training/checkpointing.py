"""Saves the state of a run after every epoch and on signals, in files that are always whole."""

import csv
import os
import signal
import threading
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.loops.loop import _Loop
from torch import Tensor

from fer.errors import SIGNALS, Interrupted
from fer.files import Unwritable, atomic, unwritable
from fer.runs import moved
from fer.training import states


class LastCheckpoint(Checkpoint):
    """Keeps the whole state of the run in the file `path`, to go on from.

    It is saved after every epoch. On SIGINT (Ctrl-C) and SIGTERM the step in progress is finished, the state saved, and
    Interrupted raised; a second signal raises at once. In a distributed run all ranks stop at the same step.
    """

    def __init__(self, path: str):
        self.path = path
        self.received: int | None = None
        self.replaced: dict[int, Any] = {}
        self.figures: dict[str, Tensor] = {}  # of the last validation before the stop: plateau schedules ask for it

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict) -> None:
        checkpoint["figures"] = {name: value.detach().cpu() for name, value in trainer.callback_metrics.items()}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict) -> None:
        self.figures = checkpoint.get("figures", {})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            self.replaced = {number: signal.signal(number, self._receive) for number in SIGNALS}
        trainer.callback_metrics.update(self.figures)
        epochs = trainer.fit_loop.epoch_progress.current
        if epochs.ready == epochs.processed:
            # It was saved between epochs, which Lightning can tell from their midst only where max_steps is not set.
            not_restarting(trainer)
        elif trainer.fit_loop.restarting:
            # Not by state_dict: Lightning loads a loader's only where no schedule has asked for its length before.
            ready = trainer.fit_loop.epoch_loop.batch_progress.current.ready
            trainer.train_dataloader.sampler.start = ready % trainer.num_training_batches  # 0: only its end is left
        if any(stopper.stopped_epoch for stopper in trainer.early_stopping_callbacks):
            trainer.should_stop = True  # it had stopped before the run was resumed

    def _receive(self, number: int, frame: Any) -> None:
        if self.received:
            raise Interrupted(number)
        self.received = number
        print("stopping after this step; once more to stop at once", flush=True)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # Here rather than at the end of the epoch before, whose figures were logged after the last of its hooks.
        if trainer.global_step:
            epochs = trainer.fit_loop.epoch_progress
            for count in (epochs.current, epochs.total):
                count.ready -= 1  # nothing of this epoch is in the state
            self._save(trainer)
            for count in (epochs.current, epochs.total):
                count.ready += 1

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        not_restarting(trainer)  # or the plateau schedule would miss the end of a resumed epoch
        whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 and not trainer.is_last_batch
        if whole and self._asked(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        not_restarting(trainer)  # or schedules would miss the end of an epoch whose last validation was resumed

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)
        self._restore()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self._restore()

    def _save(self, trainer: pl.Trainer) -> None:
        flush(trainer)
        if trainer.is_global_zero:
            states.keep_previous(Path(self.path))
        trainer.save_checkpoint(self.path)
        if self._asked(trainer):
            raise Interrupted(self.received or signal.SIGTERM)

    def _asked(self, trainer: pl.Trainer) -> bool:
        if trainer.world_size == 1:
            return self.received is not None
        return trainer.strategy.reduce_boolean_decision(self.received is not None, all=False)

    def _restore(self) -> None:
        for number, handler in self.replaced.items():
            signal.signal(number, handler)
        self.replaced = {}


def flush(trainer: pl.Trainer) -> None:
    """Writes out what was logged before a state is saved: a run that goes on from there does not log it again."""
    for logger in trainer.loggers:
        logger.save()


def not_restarting(trainer: pl.Trainer) -> None:
    """Tells all loops that they go on as usual from here.

    Not by the fit loop's own setter: where max_steps is set, it turns False into True, and validation would see one
    batch alone from the second time on.
    """
    _Loop.restarting.fset(trainer.fit_loop, False)


class BestCheckpoint(ModelCheckpoint):
    """ModelCheckpoint from whose files a run can go on, also when its folder has moved.

    It saves after the validation. At the end of the epoch, as Lightning does by default, plateau schedules and the
    training's figures would be lost, since they follow after the state was saved.
    """

    def __init__(self, *arguments: Any, save_on_train_epoch_end: bool = False, **options: Any) -> None:
        super().__init__(*arguments, save_on_train_epoch_end=save_on_train_epoch_end, **options)

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        flush(trainer)
        super()._save_checkpoint(trainer, filepath)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(moved(state_dict, state_dict["dirpath"], self.dirpath))


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints in one step: a killed process or a full disk leaves the old file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with atomic(path, "wb") as file:
            torch.save(checkpoint, file)


class WholeCSVLogger(CSVLogger):
    """CSVLogger whose rows survive a kill and a full disk: see WholeTable."""

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        if self._experiment is None:
            self._experiment = WholeTable(self.log_dir)
        return self._experiment


class WholeTable(ExperimentWriter):
    """Adds columns in one step, where Lightning empties the file, and takes back rows that were written in part.

    The file is UTF-8 everywhere.
    """

    def __init__(self, log_dir: str):
        super().__init__(log_dir)
        self._fs = Utf8Files(self._fs)

    def save(self) -> None:
        self.known, self.size = list(self.metrics_keys), self._size()
        try:
            super().save()
        except OSError as error:
            if self.size is None:
                Path(self.metrics_file_path).unlink(missing_ok=True)
            else:
                os.truncate(self.metrics_file_path, self.size)
            raise unwritable(self.metrics_file_path, error) from error

    def _size(self) -> int | None:
        path = Path(self.metrics_file_path)
        return path.stat().st_size if path.exists() else None

    def _rewrite_with_new_header(self, fieldnames: list[str]) -> None:
        path = Path(self.metrics_file_path)
        try:
            with path.open(newline="", encoding="utf-8") as old, atomic(path) as new:
                table = csv.DictWriter(new, fieldnames)
                table.writeheader()
                table.writerows(csv.DictReader(old))
        except Unwritable:
            self.metrics_keys = self.known  # the file still has its old columns
            raise
        self.size = self._size()


class Utf8Files:
    """A file system of fsspec whose text files are UTF-8, whatever the machine's own encoding."""

    def __init__(self, files: Any):
        self.files = files

    def open(self, path: str, mode: str = "r", **options: Any) -> Any:
        if "b" not in mode:
            options.setdefault("encoding", "utf-8")
        return self.files.open(path, mode, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)
