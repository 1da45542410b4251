"""Fits a classifier with the Trainer, loggers and callbacks of a config, from the start or a saved state."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, StochasticWeightAveraging, Timer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from fer import runs
from fer.classifier import Classifier
from fer.counting import counted
from fer.data.datamodule import FERDataModule
from fer.errors import Interrupted, UserError
from fer.memory import keep_freed
from fer.training import history, prolonging, resume, states
from fer.training.building import classifier_for
from fer.training.callbacks import LoggedInTime, ValidatedInTime
from fer.training.initial import InitialWeights
from fer.training.library_errors import library_errors
from fer.training.states import State
from fer.training.tensorboard import Layout
from fer.training.trainer import is_unvalidated, profile_text, trainer_for

C = TypeVar("C", bound=Callback)


def fit(
    cfg: DictConfig,
    datamodule: FERDataModule,
    folder: Path,
    checkpoint: Path | None = None,
    watchers: Sequence[Callback] = (),
    initial: InitialWeights | None = None,
) -> pl.Trainer:
    """Trains from the start or, with `checkpoint`, from a saved state; returns the trainer.

    checkpoint: if it is the run's last.ckpt and is missing or damaged, the newest undamaged state beside it is used.
    watchers: further callbacks. initial: the weights of a run that starts from the beginning; None for random ones.
    """
    keep_freed()
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if prolonged := cfg.get(prolonging.KEY):
        classifier.done = (prolonged.steps, prolonged.epochs)
        watchers = [*watchers, prolonging.NewCycle(prolonged.steps)]
    if cfg.compile:
        classifier.model.compile()  # in place, so that the names in checkpoints stay the same
    state = states.newest(checkpoint, classifier.state_dict())
    announce(classifier, cfg, state, resumed=checkpoint is not None)
    if state.file is None:
        begin(classifier, cfg, initial)
    if checkpoint and not rank_zero_only.rank:
        state.put_aside()
        history.keep_history(folder, state.step)
    watchers = [*watchers, LoggedInTime(), ValidatedInTime(), Layout()]
    trainer = trainer_for(cfg, folder, state.step if checkpoint else None, watchers)
    try:
        with library_errors():
            trainer.fit(classifier, datamodule=datamodule, ckpt_path=state.file, weights_only=True)
    except Interrupted:
        if trainer.strategy.launcher:
            trainer.strategy.launcher.kill(signal.SIGTERM)  # ranks that were still starting
        raise
    finally:
        if not rank_zero_only.rank:
            history.join_history(folder)
    if text := profile_text(folder):
        print(text, flush=True)
    return trainer


def begin(classifier: Classifier, cfg: DictConfig, initial: InitialWeights | None) -> None:
    """Gives a new run its initial weights, and prints which ones fitted."""
    if cfg.get("initial"):
        raise UserError(f"{cfg.output_dir}: {resume.NOT_SAVED}")
    if initial:
        say(initial.put_into(classifier))


@rank_zero_only
def say(line: str) -> None:
    print(line, flush=True)


@rank_zero_only
def announce(classifier: Classifier, cfg: DictConfig, state: State, resumed: bool) -> None:
    """Prints the size of the network, the length of the training, and the step at which it starts."""
    size = sum(p.numel() for p in classifier.model.parameters())
    epochs, steps = cfg.trainer.max_epochs, cfg.trainer.max_steps
    length = counted(epochs, "epoch") if epochs != -1 else counted(steps, "step") if steps != -1 else "as time allows"
    if cfg.trainer.get("fast_dev_run"):
        length = counted(int(cfg.trainer.fast_dev_run), "batch", "batches")
    if is_unvalidated(cfg):
        print("trainer.limit_val_batches=0: no validation, no early stopping; the last weights are scored", flush=True)
    print(f"{type(classifier.model).__name__} of {size:,} parameters, {length}", flush=True)
    if prolonging.KEY in cfg:
        print(prolonging.announcement(cfg), flush=True)
    if state.note:
        print(state.note, flush=True)
    elif state.file:
        print(f"resumed after step {state.step}", flush=True)
    elif resumed:
        print("nothing was saved yet: starts from the beginning", flush=True)


def fit_summary(trainer: pl.Trainer, cfg: DictConfig, folder: Path) -> dict[str, Any]:
    """Returns epochs, optimizer steps, seconds and the best checkpoint of a training, and the network's size.

    With them the learning rate and the batch size, if Lightning's finders have set others than the config's.
    """
    best, classifier = best_checkpoint(trainer, folder), classifier_of(trainer)
    batch_size = trainer.datamodule.hparams.batch_size  # pyright: ignore[reportAttributeAccessIssue]  # set dynamically
    used = {"optimizer.lr": classifier.hparams.optimizer.get("lr"), "data.batch_size": batch_size}
    typed = {"optimizer.lr": cfg.optimizer.get("lr"), "data.batch_size": cfg.data.batch_size}
    found = {name: value for name, value in used.items() if value != typed[name]}
    return ({"found": found} if found else {}) | {
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "fit_seconds": round(fit_seconds(trainer), 1),
        "checkpoint": str(best.relative_to(folder) if best.is_relative_to(folder) else best),
        "parameters": sum(p.numel() for p in classifier.model.parameters()),
    }


def best_checkpoint(trainer: pl.Trainer, folder: Path) -> Path:
    """Returns the file that the first ModelCheckpoint calls the best or, without one, the run's last.ckpt.

    Stochastic weight averaging replaces the weights at the very end of training, so with it last.ckpt has the result.
    """
    checkpoints = callbacks_of(trainer, ModelCheckpoint)
    if callbacks_of(trainer, StochasticWeightAveraging) or not checkpoints or not checkpoints[0].best_model_path:
        return folder / runs.LAST
    return Path(checkpoints[0].best_model_path)


def best_classifier(trainer: pl.Trainer, folder: Path) -> Classifier:
    """Returns a new classifier like the trained one, with the weights of the best checkpoint."""
    trained = classifier_of(trainer)
    classifier = type(trained)(**trained.hparams)
    content = torch.load(best_checkpoint(trainer, folder), map_location="cpu", weights_only=True)
    classifier.load_state_dict(content["state_dict"])
    return classifier.eval()


def fit_seconds(trainer: pl.Trainer) -> float:
    """Returns the seconds of training, those before a resumption included."""
    return next((timer.time_elapsed("train") for timer in callbacks_of(trainer, Timer)), float("nan"))


def callbacks_of(trainer: pl.Trainer, kind: type[C]) -> list[C]:
    """Returns the trainer's callbacks of a kind, in order."""
    callbacks = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]  # set dynamically
    return [callback for callback in callbacks if isinstance(callback, kind)]


def classifier_of(trainer: pl.Trainer) -> Classifier:
    """Returns the classifier that the trainer fits. Raises TypeError for another module."""
    module = trainer.lightning_module
    if not isinstance(module, Classifier):
        raise TypeError(f"the trainer fits a module of type {type(module).__name__}; expected Classifier")
    return module
