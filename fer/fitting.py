"""The fit itself: trainer, loggers and callbacks of a config, from the start or from a saved state."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, Timer
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from fer import resume
from fer.building import build_callbacks, build_loggers, build_trainer, classifier_for
from fer.callbacks import ValidatedInTime
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.errors import Interrupted
from fer.memory import keep_freed
from fer.survival import WholeFiles


def fit(cfg: DictConfig, datamodule: FERDataModule, folder: Path, watchers: Sequence[Callback] = ()) -> pl.Trainer:
    """The trainer after training, from the state in `cfg.resume` where that is."""
    keep_freed()
    pl.seed_everything(cfg.seed, verbose=False)
    classifier = classifier_for(cfg, datamodule)
    if cfg.compile:
        classifier.model.compile()  # in place, so checkpoints keep their names
    state = cfg.resume if cfg.resume and Path(cfg.resume).is_file() else None
    step = resume.step_of(state)
    announce(classifier, cfg.trainer, cfg.resume, step)
    if cfg.resume and not rank_zero_only.rank:
        resume.keep_history(folder, step)
    trainer = build_trainer(
        cfg,
        logger=build_loggers(cfg, lambda node: purge(node, step)),
        callbacks=[*build_callbacks(cfg), *watchers, ValidatedInTime()],
        plugins=[WholeFiles()],
        default_root_dir=str(folder),
    )
    try:
        trainer.fit(classifier, datamodule=datamodule, ckpt_path=state, weights_only=True)
    except Interrupted:
        if trainer.strategy.launcher:
            trainer.strategy.launcher.kill(signal.SIGTERM)  # ranks that were still starting
        raise
    finally:
        if not rank_zero_only.rank:
            resume.join_history(folder)
    return trainer


@rank_zero_only
def announce(classifier: Classifier, trainer: DictConfig, resumed: str | None, step: int) -> None:
    size = sum(p.numel() for p in classifier.model.parameters())
    length = f"{trainer.max_epochs} epochs" if trainer.max_epochs != -1 else f"{trainer.max_steps} steps"
    print(f"{type(classifier.model).__name__} of {size:,} parameters, {length}", flush=True)
    if resumed:
        print(f"resumed after step {step}" if step else "nothing was saved yet: starts from the beginning", flush=True)


def purge(logger: dict[str, Any], step: int) -> dict[str, int]:
    """Makes TensorBoard forget what a resumed run is about to repeat."""
    return {"purge_step": step} if step and logger["_target_"].endswith("TensorBoardLogger") else {}


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
