"""Prepares a benchmark: resolves the config, reads the data, builds the loops."""

import lightning.pytorch as pl
import torch
from omegaconf import DictConfig

from fer.benchmarking.keras_fit import Keras, why_not
from fer.benchmarking.loops import DTYPES, Ceiling, Default, form
from fer.benchmarking.timing import Column, Watch, by_speed
from fer.console import quieten
from fer.data.datamodule import FERDataModule
from fer.errors import UserError
from fer.hardware import best_precision
from fer.training.building import build_datamodule, resolve_auto
from fer.training.rehearsal import rehearse

WORKERS = (0, 2)


def prepared(cfg: DictConfig) -> DictConfig:
    """The config with `auto` resolved; raises UserError for what the timed part cannot hold."""
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


def read(cfg: DictConfig) -> FERDataModule:
    """The data, read and split; raises UserError where it does not fill one batch."""
    datamodule = build_datamodule(cfg)
    datamodule.setup()
    images = len(datamodule.splits["train"])
    if images < cfg.data.batch_size:
        few = f"data.batch_size={cfg.data.batch_size}: the training split has {images:,} images"
        raise UserError(f"{few}; take smaller batches, or more data (data.synthetic.train=N)")
    return datamodule


def name_of_data(datamodule: FERDataModule) -> str:
    return "synthetic faces" if datamodule.layout.startswith("synthetic") else datamodule.origin


def device(cfg: DictConfig) -> torch.device:
    """Where Lightning would train."""
    bare = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(accelerator=cfg.trainer.accelerator, devices=1, **bare).strategy.root_device


def candidates(cfg: DictConfig, datamodule: FERDataModule, watch: Watch) -> list[Ceiling]:
    """The ceilings to choose from: both memory formats in every precision that a column has or could have."""
    precisions = dict.fromkeys(("32-true", best_precision(cfg.trainer.accelerator), cfg.trainer.precision))
    return [Ceiling(cfg, datamodule, watch, p, channels_last) for p in precisions for channels_last in (False, True)]


def ceilings(cfg: DictConfig, datamodule: FERDataModule, watch: Watch) -> tuple[dict[str, Column], float]:
    """The two candidates for the rounds to decide between, and the images/s of the fastest in short blocks: that one,
    and the one in the whole's own format, or else the second."""
    ranked = by_speed(candidates(cfg, datamodule, watch))
    own = form(cfg.trainer.precision, cfg.channels_last)
    (best, speed), *rest = ranked
    second = next((ceiling for ceiling, _ in rest if ceiling.how == own), rest[0][0])
    return {f"ceiling: {ceiling.how}": ceiling for ceiling in (best, second)}, speed


def others(cfg: DictConfig, datamodule: FERDataModule, watch: Watch) -> dict[str, Column]:
    """The columns beside ceiling and whole; says so where Keras is left out."""
    columns: dict[str, Column] = {}
    if "default" in cfg.columns:
        columns |= {f"default: {count} workers": Default(cfg, datamodule, watch, count) for count in WORKERS}
    if "keras" in cfg.columns:
        if reason := why_not(cfg):
            print(f"keras is left out: {reason}", flush=True)
        else:
            columns["keras"] = Keras(cfg, len(datamodule.classes))
    return columns
