"""Builds data module and classifier from a composed config, and resolves `auto`."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fer import runs
from fer.build import build, of_kind
from fer.classifier import Classifier
from fer.containers import plain
from fer.data.datamodule import FERDataModule
from fer.hardware import best_memory_format, best_precision, uses_cuda

Node = dict[str, Any]

DERIVED = ("classes", "class_counts", "mean", "std")
"""Arguments of the classifier that follow from the data."""


def resolve_auto(cfg: DictConfig) -> DictConfig:
    """Returns a copy of `cfg` with `auto` replaced by what suits this machine."""
    cfg = cfg.copy()
    if cfg.trainer.precision == "auto":
        cfg.trainer.precision = best_precision(cfg.trainer.accelerator)
    if cfg.channels_last == "auto":
        cfg.channels_last = best_memory_format(str(cfg.trainer.precision), cfg.trainer.accelerator)
    if cfg.trainer.sync_batchnorm == "auto":
        cfg.trainer.sync_batchnorm = uses_cuda(cfg.trainer.accelerator)
    return cfg


def machine_choices(cfg: DictConfig) -> dict[str, Any]:
    """Returns what a run reports of the options that `resolve_auto` replaces."""
    return {"precision": str(cfg.trainer.precision), "channels_last": cfg.channels_last}


def with_output_dir(cfg: DictConfig, folder: Path) -> DictConfig:
    """Returns a copy of `cfg` for a run in `folder`, with the paths of loggers and callbacks below it."""
    content = runs.moved(plain(cfg, resolve=False), str(cfg.output_dir), str(folder))
    return DictConfig(content | {"output_dir": str(folder)})


def nodes(group: DictConfig | None) -> list[tuple[str, Node]]:
    """Returns the nodes of a group by name, without those that are null."""
    return [(name, node) for name, node in (plain(group) or {}).items() if node]


def build_as(kind: type, node: Node, where: str) -> Any:
    """Builds a node. Raises BuildError unless the result is an instance of `kind`."""
    return of_kind(build(node, where=where), kind, node, where)


def build_classifier(cfg: DictConfig, **derived: Any) -> Classifier:
    """Builds the classifier. derived: what follows from the data, see DERIVED."""
    return build(
        plain(cfg.classifier),
        where="classifier",
        channels_last=cfg.channels_last,
        experiment=plain(cfg),
        **derived,
    )


def classifier_for(cfg: DictConfig, datamodule: FERDataModule) -> Classifier:
    """Builds the classifier for the data of a data module."""
    return build_classifier(cfg, **{name: getattr(datamodule, name) for name in DERIVED})


def build_datamodule(cfg: DictConfig) -> FERDataModule:
    """Builds the data module, which scores the test split unless `test=false`."""
    datamodule = build_as(FERDataModule, plain(cfg.data), "data")
    if not cfg.get("test", True):
        datamodule.scored = tuple(split for split in datamodule.scored if split != "test")
    return datamodule
