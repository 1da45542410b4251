"""Builds data module, classifier and Trainer from a composed config, and resolves `auto`."""

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig, OmegaConf

from fer.build import build, of_kind
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.hardware import best_memory_format, best_precision, uses_cuda

Node = dict[str, Any]

DERIVED = ("classes", "class_counts", "mean", "std")
"""What a classifier takes from its data."""


def resolve_auto(cfg: DictConfig) -> dict[str, Any]:
    """Replaces `auto` in `cfg` by what suits the machine; returns the choices."""
    if cfg.trainer.precision == "auto":
        cfg.trainer.precision = best_precision(cfg.trainer.accelerator)
    if cfg.channels_last == "auto":
        cfg.channels_last = best_memory_format(str(cfg.trainer.precision), cfg.trainer.accelerator)
    if cfg.trainer.sync_batchnorm == "auto":
        cfg.trainer.sync_batchnorm = uses_cuda(cfg.trainer.accelerator)
    return {"precision": str(cfg.trainer.precision), "channels_last": cfg.channels_last}


def plain(node: Any) -> Any:
    """A part of a config as plain containers, interpolations resolved."""
    return OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node


def build_loggers(cfg: DictConfig, further: Callable[[Node], dict[str, Any]] = lambda node: {}) -> list[Logger]:
    """further: gives more arguments for a logger's node."""
    return [build_as(Logger, node | further(node), f"logger.{name}") for name, node in nodes(cfg.logger)]


def build_callbacks(cfg: DictConfig) -> list[Callback]:
    return [build_as(Callback, node, f"callbacks.{name}") for name, node in nodes(cfg.callbacks)]


def build_trainer(cfg: DictConfig, **options: Any) -> pl.Trainer:
    """options: arguments of Trainer that take the place of the config's."""
    return build(plain(cfg.trainer) | options, where="trainer")


def nodes(group: DictConfig) -> list[tuple[str, Node]]:
    """The nodes of a group by name, without those that are null."""
    return [(name, node) for name, node in plain(group).items() if node]


def build_as(kind: type, node: Node, where: str) -> Any:
    return of_kind(build(node, where=where), kind, node, where)


def build_classifier(cfg: DictConfig, **derived: Any) -> Classifier:
    """The classifier with what follows from the data: classes, class_counts, mean, std."""
    return build(
        plain(cfg.classifier),
        where="classifier",
        channels_last=cfg.channels_last,
        experiment=plain(cfg),
        **derived,
    )


def classifier_for(cfg: DictConfig, datamodule: FERDataModule) -> Classifier:
    return build_classifier(cfg, **{name: getattr(datamodule, name) for name in DERIVED})


def build_datamodule(cfg: DictConfig) -> FERDataModule:
    return build_as(FERDataModule, plain(cfg.data), "data")
