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

from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.errors import Interrupted
from fer.memory import keep_freed
from fer.training import resume, states
from fer.training.building import build_callbacks, build_loggers, build_trainer, classifier_for
from fer.training.callbacks import ValidatedInTime
from fer.training.checkpointing import WholeFiles
from fer.training.states import State


def fit(cfg: DictConfig, datamodule: FERDataModule, folder: Path, watchers: Sequence[Callback] = ()) -> pl.Trainer:
    """The trainer after training, from the state in `cfg.resume` where that is."""
    keep_freed()
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if cfg.compile:
        classifier.model.compile()  # in place, so checkpoints keep their names
    state = states.newest(cfg.resume, classifier.state_dict())
    announce(classifier, cfg.trainer, cfg.resume, state)
    if cfg.resume and not rank_zero_only.rank:
        state.put_aside()
        resume.keep_history(folder, state.step)
    known = state.step if cfg.resume else None
    trainer = build_trainer(
        cfg,
        logger=build_loggers(cfg, lambda node: purge(node, known)),
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
            resume.join_history(folder)
    return trainer


@rank_zero_only
def announce(classifier: Classifier, trainer: DictConfig, resumed: str | None, state: State) -> None:
    size = sum(p.numel() for p in classifier.model.parameters())
    length = f"{trainer.max_epochs} epochs" if trainer.max_epochs != -1 else f"{trainer.max_steps} steps"
    print(f"{type(classifier.model).__name__} of {size:,} parameters, {length}", flush=True)
    if state.note:
        print(state.note, flush=True)
    elif state.file:
        print(f"resumed after step {state.step}", flush=True)
    elif resumed:
        print("nothing was saved yet: starts from the beginning", flush=True)


def purge(logger: dict[str, Any], step: int | None) -> dict[str, int]:
    """Makes TensorBoard forget what a run that goes on after `step` is about to repeat; None for a new run."""
    known = step is not None and logger["_target_"].endswith("TensorBoardLogger")
    return {"purge_step": step} if known else {}


def best_checkpoint(trainer: pl.Trainer) -> str | None:
    """The file with the best weights so far, as the first ModelCheckpoint judges."""
    return next((c.best_model_path for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint)), None)


def best_classifier(trainer: pl.Trainer, path: str) -> Classifier:
    """A classifier like the one that was trained, with the weights in a checkpoint of the run."""
    trained = trainer.lightning_module
    classifier = type(trained)(**trained.hparams)
    classifier.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["state_dict"])
    return classifier.eval()


def fit_seconds(trainer: pl.Trainer) -> float:
    """Seconds of training, those before a resumption included."""
    return next((c.time_elapsed("train") for c in trainer.callbacks if isinstance(c, Timer)), float("nan"))
