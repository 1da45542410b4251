"""Trains a run for more epochs than planned, in a new folder."""

import shutil
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig, OmegaConf

from fer import parts, runs
from fer.build import ALIASES, TARGET, resolve, signature_of, target_of
from fer.containers import plain
from fer.counting import counted
from fer.errors import UserError
from fer.training import states
from fer.training.building import nodes, with_output_dir

KEY = "prolonged"
"""Key of the config of a prolonged run: identity, steps and epochs of the run before."""


def prolonged(config: DictConfig, folder: Path, max_epochs: int, record: dict[str, Any]) -> DictConfig:
    """Returns the config that goes on with the run in `folder` until `max_epochs`, in a folder named `…_to40`.

    Raises UserError where the run has trained that many epochs already, has saved nothing, or is ended by steps or
    time.
    """
    state = states.newest(folder / runs.LAST)
    if state.file is None:
        raise UserError(f"{folder}: nothing was saved yet; start it again with trainer.max_epochs={max_epochs}")
    if config.trainer.max_epochs == -1:
        raise UserError(
            f"{folder}: trainer.max_epochs=-1, so steps or time end it, and epochs cannot be added; init_from={folder} "
            "starts a new run from its weights"
        )
    if max_epochs <= state.epochs:
        raise UserError(
            f"{folder} has trained {counted(state.epochs, 'epoch')}; give trainer.max_epochs more than that"
        )
    config = with_output_dir(config, prolonged_folder(folder, max_epochs))  # which moves all paths in the run's folder
    config.trainer.max_epochs = max_epochs
    new = {"run": record["identity"], "folder": str(folder), "steps": state.step, "epochs": state.epochs}
    OmegaConf.update(config, KEY, new, force_add=True)
    return config


def prolonged_folder(folder: Path, max_epochs: int) -> Path:
    """Returns `runs/train/cnn3_to40/seed-0` for `runs/train/cnn3/seed-0`, and `run_to40` for `run`."""
    if folder.name.startswith("seed-"):
        return folder.parent.with_name(f"{folder.parent.name}_to{max_epochs}") / folder.name
    return folder.with_name(f"{folder.name}_to{max_epochs}")


def source(config: DictConfig, checkpoint: Path | None) -> Path | None:
    """Returns the folder of the run that a config prolongs; None where the prolonged run itself goes on, or for others.

    checkpoint: the state to go on from.
    """
    if KEY not in config or checkpoint is None or checkpoint.parents[1] == Path(config.output_dir):
        return None
    return checkpoint.parents[1]


def test_readings(before: Path) -> int:
    """Returns how often the test split was evaluated for the run in `before` and the runs that it continues."""
    record = runs.read_record(before)
    return int(record.get("test_readings", "test/accuracy" in record))


def copy_state(before: Path, folder: Path) -> Path:
    """Copies checkpoints and curves of a run into another run's folder; returns the last state there."""
    shutil.copytree(before / runs.LAST.parent, folder / runs.LAST.parent, dirs_exist_ok=True)
    if (before / runs.HISTORY).is_file():
        shutil.copy2(before / runs.HISTORY, folder / runs.HISTORY)
    return folder / runs.LAST


def has_length(node: Any) -> bool:
    """Whether a schedule is planned over a whole run, so that it ends with it."""
    parameters = signature_of(resolve(target_of(node, "scheduler"), "scheduler"))
    return any(name in parameters for name in (*ALIASES["total_steps"], "T_max"))


def announcement(cfg: DictConfig) -> str:
    """Returns a line that says what becomes of the schedule of a prolonged run."""
    before = cfg[KEY].epochs
    more = counted(cfg.trainer.max_epochs - before, "epoch")
    line = f"continues {cfg[KEY].folder} after epoch {before}"
    if any(str(node.get(TARGET)).endswith("StochasticWeightAveraging") for _, node in nodes(cfg.callbacks)):
        return f"{line} for {more}, with the learning rate of StochasticWeightAveraging"
    if has_length(plain(cfg.scheduler)):
        return f"{line}: the schedule starts a new cycle over {more}"
    return f"{line}: the schedule continues for {more}"


class NewCycle(Callback):
    """Starts a prolonged run: a schedule that is planned over a whole run starts again, and early stopping, too.

    steps: optimizer steps of the run before.
    """

    def __init__(self, steps: int):
        self.steps = steps

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        if trainer.global_step != self.steps:
            return  # the prolonged run was itself interrupted
        for stopper in trainer.early_stopping_callbacks:
            stopper.wait_count = stopper.stopped_epoch = 0
        if not trainer.lr_scheduler_configs or not has_length(pl_module.hparams.scheduler):
            return  # another callback, such as StochasticWeightAveraging, took the schedule's place
        [config] = trainer.lr_scheduler_configs
        for group in config.scheduler.optimizer.param_groups:
            group["lr"] = pl_module.lr * group.get(parts.LR_SCALE, 1.0)
            group.pop("initial_lr", None)
        config.scheduler, _ = pl_module.schedule(config.scheduler.optimizer)
