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
    """Saves the whole state of the run in the file `path` after every epoch, so that the run can be resumed.

    On SIGINT (Ctrl-C) and SIGTERM it finishes the step in progress, saves the state and raises Interrupted; on a second
    signal it raises at once. In a distributed run all ranks stop at the same step.
    """

    def __init__(self, path: str):
        self.path = path
        self.received: int | None = None
        self.replaced: dict[int, Any] = {}
        self.figures: dict[str, Tensor] = {}  # of the last validation before the stop, for plateau schedules

    def on_save_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict) -> None:
        checkpoint["figures"] = {name: value.detach().cpu() for name, value in trainer.callback_metrics.items()}

    def on_load_checkpoint(self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict) -> None:
        self.figures = checkpoint.get("figures", {})

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            self.replaced = {number: signal.signal(number, self._receive) for number in SIGNALS}
        trainer.callback_metrics.update(self.figures)
        epochs = trainer.fit_loop.epoch_progress.current
        if epochs.ready == epochs.processed:  # pyright: ignore[reportAttributeAccessIssue]  # declared as the base class
            # The state was saved between two epochs. Lightning recognises that only where max_steps is not set.
            not_restarting(trainer)
        elif trainer.fit_loop.restarting:
            # The loader's state_dict would not do: Lightning loads it only if no schedule asked for its length before.
            ready = trainer.fit_loop.epoch_loop.batch_progress.current.ready
            sampler = trainer.train_dataloader.sampler  # pyright: ignore[reportOptionalMemberAccess]  # set while it fits
            sampler.start = ready % trainer.num_training_batches  # 0: all batches are done
        if any(stopper.stopped_epoch for stopper in trainer.early_stopping_callbacks):
            trainer.should_stop = True  # early stopping had ended the run before it was resumed

    def _receive(self, number: int, frame: Any) -> None:
        if self.received:
            raise Interrupted(number)
        self.received = number
        print("stopping after this step; press Ctrl-C again to stop at once", flush=True)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        # The state after an epoch is saved here, because Lightning logs an epoch's figures after the last of its hooks.
        if trainer.global_step:
            epochs = trainer.fit_loop.epoch_progress
            for count in (epochs.current, epochs.total):
                count.ready -= 1  # the state must not count the epoch that begins
            self._save(trainer)
            for count in (epochs.current, epochs.total):
                count.ready += 1

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        not_restarting(trainer)  # otherwise plateau schedules miss the end of a resumed epoch
        whole = (batch_idx + 1) % trainer.accumulate_grad_batches == 0 and not trainer.is_last_batch
        if whole and self._asked(trainer):
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        not_restarting(trainer)  # otherwise schedules miss the end of an epoch that was resumed in its validation

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
    """Writes all logged values to their files before a state is saved; a resumed run does not log them again."""
    for logger in trainer.loggers:
        logger.save()


def not_restarting(trainer: pl.Trainer) -> None:
    """Tells all loops that the resumed part is over.

    The fit loop's own setter would not do: where max_steps is set, it turns False into True, and from its second time
    on the validation would see a single batch.
    """
    _Loop.restarting.__set__(trainer.fit_loop, False)


class BestCheckpoint(ModelCheckpoint):
    """ModelCheckpoint whose files can be resumed, even after the run's folder has moved.

    It saves after the validation. Lightning's default, the end of the epoch, would lose the step of plateau schedules
    and the training's figures, which follow later.
    """

    def __init__(self, *arguments: Any, save_on_train_epoch_end: bool = False, **options: Any) -> None:
        super().__init__(*arguments, save_on_train_epoch_end=save_on_train_epoch_end, **options)

    def _save_checkpoint(self, trainer: pl.Trainer, filepath: str) -> None:
        flush(trainer)
        super()._save_checkpoint(trainer, filepath)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(moved(state_dict, state_dict["dirpath"], str(self.dirpath)))


class WholeFiles(TorchCheckpointIO):
    """Writes checkpoints in one step: a killed process or a full disk leaves the old file."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with atomic(path, "wb") as file:
            torch.save(checkpoint, file)


class WholeCSVLogger(CSVLogger):
    """CSVLogger whose rows survive a kill and a full disk; see WholeTable."""

    _experiment: "WholeTable | None"

    @property
    @rank_zero_experiment
    def experiment(self) -> ExperimentWriter:
        if self._experiment is None:
            self._experiment = WholeTable(self.log_dir)
        return self._experiment


class WholeTable(ExperimentWriter):
    """Table of logged values that adds columns atomically and removes rows that were written in part.

    Lightning empties the file to add a column. The file is UTF-8 on every system.
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
    """File system of fsspec whose text files are UTF-8 whatever the system's encoding."""

    def __init__(self, files: Any):
        self.files = files

    def open(self, path: str, mode: str = "r", **options: Any) -> Any:
        if "b" not in mode:
            options.setdefault("encoding", "utf-8")
        return self.files.open(path, mode, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)
