"""A composed config becomes parts: `auto` made definite, everything built once for trial, the classifier."""

from typing import Any

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from torch import nn

from fer.augment import Augment
from fer.classifier import Classifier
from fer.data.datamodule import FERDataModule
from fer.data.faces import SIZE
from fer.data.resizing import Resizing
from fer.errors import UserError, as_user_error
from fer.hardware import best_memory_format, best_precision, has_compiler, uses_cuda

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


def rehearse(cfg: DictConfig) -> None:
    """Builds every part once, the network without memory, so that impossible options fail before data is read."""
    if cfg.compile and not has_compiler():
        raise UserError("compile=true needs a C++ compiler and finds none; install g++, or leave compile=false")
    classes = list(cfg.labels.classes or ("a", "b"))
    try:
        augment = Augment(num_classes=len(classes), **cfg.augment)
        images, _ = augment(torch.zeros(2, 1, SIZE, SIZE), torch.tensor([0, 1]))
        with torch.device("meta"):
            classifier = build_classifier(cfg, classes=classes, class_counts=[1] * len(classes))
            instantiate(cfg.optimizer, list(classifier.parameters()))
            classifier.model(torch.zeros(2, 1, SIZE, SIZE))
            for side in {images.shape[-1], *Resizing(cfg.data.progressive_resizing).sides.values()} - {SIZE}:
                rehearse_other_size(classifier.model, side)
    except (InstantiationException, ValueError, RuntimeError) as error:
        raise as_user_error(error) from error


def rehearse_other_size(model: nn.Module, size: int) -> None:
    """Raises ValueError where a network cannot train on pictures of another size than it is validated on."""
    try:
        model(torch.zeros(2, 1, size, size, device="meta"))
    except RuntimeError:
        raise ValueError(
            f"training pictures of {size}×{size} do not fit the model, which sees {SIZE}×{SIZE} in validation; use "
            "model.head_pool=1, or give augment's crop padding and leave out data.progressive_resizing"
        ) from None


def build_classifier(cfg: DictConfig, **derived: Any) -> Classifier:
    """The classifier with what follows from the data: classes, class_counts, mean, std."""
    return instantiate(
        cfg.classifier,
        channels_last=cfg.channels_last,
        experiment=OmegaConf.to_container(cfg, resolve=True),
        **derived,
    )


def classifier_for(cfg: DictConfig, datamodule: FERDataModule) -> Classifier:
    return build_classifier(cfg, **{name: getattr(datamodule, name) for name in DERIVED})
