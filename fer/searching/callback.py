"""Callback that reports each epoch's validation figure to the study and stops pruned trials."""

import signal
import threading

import lightning.pytorch as pl
import optuna
from lightning.pytorch.callbacks import Callback

from fer.errors import Interrupted
from fer.searching.trials import TrialStopped
from fer.training.checkpointing import LastCheckpoint


class TrialCallback(Callback):
    """Reports `monitor` to the Optuna `trial` after each epoch and stops the training once `stopping` is set.

    With `trial` None nothing is reported. Raises TrialStopped for a pruned trial and for one that another worker has
    taken over; Interrupted where the storage is gone, so that the run is saved and can go on later.
    """

    def __init__(self, trial: optuna.Trial | None, monitor: str, stopping: threading.Event):
        self.trial, self.monitor, self.stopping = trial, monitor, stopping
        self.reported_epochs = set()
        if trial is not None:  # a requeued trial keeps the figures of its earlier epochs
            self.reported_epochs = set(trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.stopping.is_set():  # the signal came before the training could receive it
            raise Interrupted(signal.SIGTERM)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self.trial is None or trainer.sanity_checking:
            return
        epoch, value = trainer.current_epoch + 1, float(trainer.callback_metrics[self.monitor])
        pruned = self.report(self.trial, epoch, value)
        if pruned and not signal_received(trainer):
            raise TrialStopped(f"after epoch {epoch}, {self.monitor} {value:.4f}", pruned=True)

    def report(self, trial: optuna.Trial, epoch: int, value: float) -> bool:
        """Reports the figure of an epoch, counted from 1; returns whether the trial is to be pruned."""
        try:
            if epoch not in self.reported_epochs:
                trial.report(value, epoch)
            return trial.should_prune()
        except optuna.exceptions.UpdateFinishedTrialError as error:
            raise TrialStopped("taken over by another worker", pruned=False) from error
        except optuna.exceptions.StorageInternalError as error:
            raise Interrupted(signal.SIGTERM) from error


def signal_received(trainer: pl.Trainer) -> bool:
    """Whether a signal asks this training to stop, in which case its trial is requeued rather than pruned."""
    callbacks = [callback for callback in trainer.checkpoint_callbacks if isinstance(callback, LastCheckpoint)]
    return any(callback.received for callback in callbacks)
