"""Prepares a benchmark: resolves the config, reads the data, builds the columns."""

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig

from fer.benchmarking.keras_column import Keras, reason_to_skip
from fer.benchmarking.loops import DTYPES, Ceiling, Default, format_name
from fer.benchmarking.timing import Column, DeviceClock, by_speed
from fer.console import quieten
from fer.data.datamodule import FERDataModule
from fer.errors import UserError
from fer.hardware import best_precision
from fer.training.building import build_datamodule, resolve_auto
from fer.training.rehearsal import rehearse

WORKERS = (0, 2)
"""Numbers of DataLoader workers with which the column "default" is timed."""


def prepare(cfg: DictConfig) -> DictConfig:
    """Returns the config with `auto` resolved. Raises UserError for options that cannot be timed."""
    quieten()
    cfg = cfg.copy()
    if cfg.threads:
        torch.set_num_threads(cfg.threads)
    cfg = resolve_auto(cfg)
    if cfg.trainer.precision not in DTYPES:
        raise UserError(f"trainer.precision={cfg.trainer.precision}: the benchmark knows auto, {', '.join(DTYPES)}")
    if cfg.scheduler._target_.endswith("ReduceLROnPlateau"):
        raise UserError("scheduler=plateau watches the validation, which is not in the timed part; take another one")
    rehearse(cfg)
    return cfg


def read_data(cfg: DictConfig) -> FERDataModule:
    """Reads and splits the data. Raises UserError if it does not fill one batch."""
    datamodule = build_datamodule(cfg)
    datamodule.setup()
    images = len(datamodule.splits["train"])
    if images < cfg.data.batch_size:
        problem = f"data.batch_size={cfg.data.batch_size}: the training split has {images:,} images"
        raise UserError(f"{problem}; take smaller batches, or more data (data.synthetic.train=N)")
    return datamodule


def data_name(datamodule: FERDataModule) -> str:
    return "synthetic faces" if datamodule.layout.startswith("synthetic") else datamodule.origin


def device(cfg: DictConfig) -> torch.device:
    """Returns the device on which Lightning would train."""
    trainer = pl.Trainer(
        accelerator=cfg.trainer.accelerator,
        devices=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    return trainer.strategy.root_device


def candidates(cfg: DictConfig, datamodule: FERDataModule, clock: DeviceClock) -> list[Ceiling]:
    """Returns a ceiling for each precision that a column has or could have, in both memory formats."""
    precisions = dict.fromkeys(("32-true", best_precision(cfg.trainer.accelerator), cfg.trainer.precision))
    return [Ceiling(cfg, datamodule, clock, p, channels_last) for p in precisions for channels_last in (False, True)]


def ceilings(cfg: DictConfig, datamodule: FERDataModule, clock: DeviceClock) -> tuple[dict[str, Column], float]:
    """Returns two ceilings by name, and images/s of the fastest in short blocks.

    The two are the fastest, and the one in the format of the whole or else the second fastest.
    """
    ranked = by_speed(candidates(cfg, datamodule, clock))
    whole_format = format_name(cfg.trainer.precision, cfg.channels_last)
    (best, speed), *rest = ranked
    second = next((ceiling for ceiling, _ in rest if ceiling.how == whole_format), rest[0][0])
    return {f"ceiling: {ceiling.how}": ceiling for ceiling in (best, second)}, speed


def other_columns(cfg: DictConfig, datamodule: FERDataModule, clock: DeviceClock) -> dict[str, Column]:
    """Returns the columns besides ceiling and whole; prints the reason if Keras is left out."""
    columns: dict[str, Column] = {}
    if "default" in cfg.columns:
        columns |= {f"default: {count} workers": Default(cfg, datamodule, clock, count) for count in WORKERS}
    if "keras" in cfg.columns:
        if reason := reason_to_skip(cfg):
            print(f"keras is left out: {reason}", flush=True)
        else:
            columns["keras"] = Keras(cfg, len(datamodule.classes))
    return columns
