"""Fits a classifier with the Trainer, loggers and callbacks of a config, from the start or a saved state."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from fer import runs
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.errors import Interrupted
from fer.memory import keep_freed
from fer.training import history, states
from fer.training.building import build_callbacks, build_loggers, build_trainer, classifier_for
from fer.training.callbacks import ValidatedInTime
from fer.training.checkpointing import WholeFiles
from fer.training.states import State


def fit(
    cfg: DictConfig,
    datamodule: FERDataModule,
    folder: Path,
    checkpoint: Path | None = None,
    watchers: Sequence[Callback] = (),
) -> pl.Trainer:
    """Trains from the start or, with `checkpoint`, from a saved state; returns the trainer.

    checkpoint: where it is the run's last.ckpt, and missing or damaged, the newest whole state beside it stands in.
    """
    keep_freed()
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if cfg.compile:
        classifier.model.compile()  # in place, so that the names in checkpoints stay the same
    state = states.newest(checkpoint, classifier.state_dict())
    announce(classifier, cfg.trainer, state, resumed=checkpoint is not None)
    if checkpoint and not rank_zero_only.rank:
        state.put_aside()
        history.keep_history(folder, state.step)
    trainer = build_trainer(
        cfg,
        logger=build_loggers(cfg, purge_step=state.step if checkpoint else None),
        callbacks=[*build_callbacks(cfg), *watchers, ValidatedInTime()],
        plugins=[WholeFiles()],
        default_root_dir=str(folder),
    )
    try:
        trainer.fit(classifier, datamodule=datamodule, ckpt_path=state.file, weights_only=True)
    except Interrupted:
        if trainer.strategy.launcher:
            trainer.strategy.launcher.kill(signal.SIGTERM)  # ranks that were still starting
        raise
    finally:
        if not rank_zero_only.rank:
            history.join_history(folder)
    return trainer


@rank_zero_only
def announce(classifier: Classifier, trainer: DictConfig, state: State, resumed: bool) -> None:
    """Prints the size of the network, the length of the training, and the step at which it starts."""
    size = sum(p.numel() for p in classifier.model.parameters())
    length = f"{trainer.max_epochs} epochs" if trainer.max_epochs != -1 else f"{trainer.max_steps} steps"
    print(f"{type(classifier.model).__name__} of {size:,} parameters, {length}", flush=True)
    if state.note:
        print(state.note, flush=True)
    elif state.file:
        print(f"resumed after step {state.step}", flush=True)
    elif resumed:
        print("nothing was saved yet: starts from the beginning", flush=True)


def fit_summary(trainer: pl.Trainer, folder: Path) -> dict[str, Any]:
    """Returns epochs, optimizer steps, seconds and the best checkpoint of a training, and the network's size."""
    best = best_checkpoint(trainer, folder)
    return {
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "fit_seconds": round(fit_seconds(trainer), 1),
        "checkpoint": str(best.relative_to(folder) if best.is_relative_to(folder) else best),
        "parameters": sum(p.numel() for p in trainer.lightning_module.model.parameters()),
    }


def best_checkpoint(trainer: pl.Trainer, folder: Path) -> Path:
    """Returns the file that the first ModelCheckpoint calls the best or, without one, the run's last.ckpt."""
    best = next((c.best_model_path for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint)), None)
    return Path(best) if best else folder / runs.LAST


def best_classifier(trainer: pl.Trainer, folder: Path) -> Classifier:
    """Returns a new classifier like the trained one, with the weights of the best checkpoint."""
    trained = trainer.lightning_module
    classifier = type(trained)(**trained.hparams)
    content = torch.load(best_checkpoint(trainer, folder), map_location="cpu", weights_only=True)
    classifier.load_state_dict(content["state_dict"])
    return classifier.eval()


def fit_seconds(trainer: pl.Trainer) -> float:
    """Returns the seconds of training, those before a resumption included."""
    return next((c.time_elapsed("train") for c in trainer.callbacks if isinstance(c, Timer)), float("nan"))
