"""Callback that reports each epoch's validation figure to the study and stops pruned trials."""

import signal
import threading

import lightning.pytorch as pl
import optuna
from lightning.pytorch.callbacks import Callback

from fer.errors import Interrupted
from fer.searching.stops import Lost, Pruned
from fer.training.checkpointing import LastCheckpoint


class Watch(Callback):
    """Reports `monitor` to the Optuna `trial` after each epoch; with `trial` None it only heeds `stopping`."""

    def __init__(self, trial: optuna.Trial | None, monitor: str, stopping: threading.Event):
        self.trial, self.monitor, self.stopping = trial, monitor, stopping
        self.reported = set()
        if trial is not None:  # one that was taken up has its figures from before
            self.reported = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stopping.is_set():  # the signal came before there was a run to save
            raise Interrupted(signal.SIGTERM)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.trial is None or trainer.sanity_checking:
            return
        epoch, value = trainer.current_epoch + 1, float(trainer.callback_metrics[self.monitor])
        try:
            if epoch not in self.reported:
                self.trial.report(value, epoch)
            prune = self.trial.should_prune()
        except optuna.exceptions.UpdateFinishedTrialError as error:
            raise Lost from error
        except optuna.exceptions.StorageInternalError as error:
            raise Interrupted(signal.SIGTERM) from error  # the run is kept for when the storage is back
        asked = any(c.received for c in trainer.checkpoint_callbacks if isinstance(c, LastCheckpoint))
        if prune and not asked:
            raise Pruned(self.monitor, value, epoch)
