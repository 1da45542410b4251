"""Builds the Trainer of a run with its loggers, callbacks and profiler."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint, ProgressBar, Timer
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler
from omegaconf import DictConfig

from fer import runs
from fer.build import TARGET, build
from fer.containers import plain
from fer.errors import UserError
from fer.training.building import Node, build_as, nodes
from fer.training.checkpointing import LastCheckpoint, WholeCSVLogger, WholeFiles
from fer.training.pictures import Pictures
from fer.training.progress import progress_bar
from fer.training.reporting import seconds_before
from fer.training.tensorboard import hyperparameters

PROFILERS: dict[str, type[Profiler]] = {
    "simple": SimpleProfiler,
    "advanced": AdvancedProfiler,
    "pytorch": PyTorchProfiler,
}
PROFILE = "profile"
"""Name of the profiler's files in the run's folder; Lightning puts `fit-` in front."""
HISTORY = "csv"
"""Key under which earlier versions listed the logger of metrics.csv, which every run has."""


def trainer_for(
    cfg: DictConfig, folder: Path, purge_step: int | None = None, watchers: Sequence[Callback] = ()
) -> pl.Trainer:
    """Returns the Trainer that `cfg` describes, for a run in `folder`.

    purge_step: the optimizer step from which a resumed run repeats; TensorBoard drops what it has after it.
    watchers: further callbacks.
    """
    return build_trainer(
        cfg,
        logger=[history(folder), *build_loggers(cfg, purge_step)],
        callbacks=[*build_callbacks(cfg, folder), *watchers],
        profiler=profiler(cfg.trainer.get("profiler"), folder),
        plugins=[*plugins(cfg), WholeFiles()],
        default_root_dir=str(folder),
    )


def build_trainer(cfg: DictConfig, **options: Any) -> pl.Trainer:
    """Builds the Trainer. options: arguments that take the place of the config's."""
    return build(plain(cfg.trainer) | options, where="trainer")


def history(folder: Path) -> WholeCSVLogger:
    """Returns the logger of metrics.csv, from which curves are drawn and resumed."""
    return WholeCSVLogger(save_dir=str(folder), name="", version="")


def build_loggers(cfg: DictConfig, purge_step: int | None = None) -> list[Logger]:
    """Returns the loggers of the config, which a run has beside its history; [] with `trainer.logger=false`."""
    if cfg.trainer.get("logger") is False:
        return []
    options = hyperparameters(plain(cfg))
    return [
        build_logger(node, name, purge_step, options) for name, node in nodes(cfg.logger) if not is_history(name, node)
    ]


def build_logger(node: Node, name: str, purge_step: int | None, hyperparameters: Mapping[str, Any]) -> Logger:
    """hyperparameters: what TensorBoard's hparams.yaml holds."""
    if purge_step is not None and node[TARGET].endswith("TensorBoardLogger"):
        node = node | {"purge_step": purge_step}
    logger = build_as(Logger, node, f"logger.{name}")
    if isinstance(logger, TensorBoardLogger):
        logger.hparams.update(hyperparameters)  # its hparams.yaml
    return logger


def is_history(name: str, node: Node) -> bool:
    """Whether a node of an earlier version's config is the logger of metrics.csv."""
    return name == HISTORY and str(node.get(TARGET)).endswith("CSVLogger") and node.get("name") == ""


def build_callbacks(cfg: DictConfig, folder: Path) -> list[Callback]:
    """Returns the callbacks of the config that the Trainer's options allow, and those that every run needs.

    Every run saves its last state, measures its time and, unless `enable_progress_bar=false`, shows its progress.
    """
    callbacks = [build_as(Callback, node, f"callbacks.{name}") for name, node in nodes(cfg.callbacks)]
    for callback in callbacks:
        if isinstance(callback, Pictures):
            callback.wait = seconds_before(cfg)
    callbacks = without_replaced(callbacks)
    if cfg.trainer.get("enable_progress_bar") is False:
        callbacks = [callback for callback in callbacks if not isinstance(callback, ProgressBar)]
    elif not has(callbacks, ProgressBar):
        callbacks.append(progress_bar())
    if is_unvalidated(cfg):
        callbacks = [callback for callback in callbacks if not waits_for_validation(callback)]
    if not has(callbacks, Timer):
        callbacks.append(Timer(plain(cfg.trainer.get("max_time"))))
    if not has(callbacks, LastCheckpoint):
        callbacks.append(LastCheckpoint(str(folder / runs.LAST)))
    return callbacks


def without_replaced(callbacks: Sequence[Callback]) -> list[Callback]:
    """Keeps only the last progress bar and the last timer, so that one that the user adds replaces the default."""
    for kind in (ProgressBar, Timer):
        found = [callback for callback in callbacks if isinstance(callback, kind)]
        callbacks = [callback for callback in callbacks if callback not in found[:-1]]
    return list(callbacks)


def has(callbacks: Sequence[Callback], kind: type[Callback]) -> bool:
    return any(isinstance(callback, kind) for callback in callbacks)


def is_unvalidated(cfg: DictConfig) -> bool:
    """Whether the run never validates."""
    limit = cfg.trainer.get("limit_val_batches")
    return limit is not None and limit == 0


def waits_for_validation(callback: Callback) -> bool:
    return isinstance(callback, EarlyStopping | ModelCheckpoint) and str(callback.monitor).startswith("val/")


def plugins(cfg: DictConfig) -> list[Any]:
    """Returns the plugins of the config, nodes or names that Lightning knows."""
    value = plain(cfg.trainer.get("plugins"))
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


def profiler(value: Any, folder: Path) -> Any:
    """Returns the profiler called simple, advanced or pytorch, which writes into `folder`; other values as they are."""
    if not isinstance(value, str):
        return plain(value)
    if value not in PROFILERS:
        raise UserError(f"trainer.profiler={value}: expected one of {', '.join(PROFILERS)}")
    return PROFILERS[value](dirpath=str(folder), filename=PROFILE)


def profile_text(folder: Path) -> str:
    """Returns what a profiler of `profiler` has written; "" without one."""
    files = sorted(folder.glob(f"*{PROFILE}*.txt"))
    return "\n".join(path.read_text(encoding="utf-8") for path in files)
