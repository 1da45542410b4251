"""Builds every part of a config once, so that impossible options fail before data is read."""

import os
import warnings
from contextlib import suppress
from pathlib import Path

import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.strategies.launchers import _MultiProcessingLauncher
from omegaconf import DictConfig
from torch import Tensor, nn

from fer import parts
from fer.augment import Augment
from fer.classifier import Classifier
from fer.containers import plain
from fer.data.faces import SIZE
from fer.data.resizing import Resizing
from fer.errors import UserError, as_user_error, first_line
from fer.hardware import has_compiler
from fer.training.building import build_classifier
from fer.training.initial import InitialWeights, initial_weights
from fer.training.trainer import trainer_for

SIDES = (64, 96, 128, 160, 192, 224, 256, 299, 384)
"""Sides in pixels that networks are commonly built for."""


def rehearse(cfg: DictConfig) -> InitialWeights | None:
    """Builds every part once, the network without memory for its weights.

    Returns the weights that the run starts from; None for random ones. Raises UserError for a part that cannot be
    built, and for parts that do not fit together.
    """
    if cfg.compile and not has_compiler():
        raise UserError("compile=true needs a C++ compiler and finds none; install g++, or leave compile=false")
    try:
        classifier = rehearse_parts(cfg)
        rehearse_trainer(cfg)
        initial = initial_weights(cfg)
        if initial:
            initial.fitting(classifier)
        return initial
    except (ValueError, RuntimeError) as error:
        raise as_user_error(error) from error


def rehearse_parts(cfg: DictConfig) -> Classifier:
    """Builds augmentation, network, loss, optimizer and schedule, and runs the first three on two pictures.

    Returns the classifier.
    """
    classes: list[str] = list(cfg.labels.classes or ("a", "b"))
    augment = Augment(num_classes=len(classes), **plain(cfg.augment))
    images, labels = rehearse_augment(augment, len(classes))
    classifier = rehearsed_classifier(cfg, classes)
    with torch.device(classifier.mean.device):
        rehearse_input(cfg, classifier)
        for side in {images.shape[-1], *Resizing(plain(cfg.data.progressive_resizing)).sides.values()} - {SIZE}:
            rehearse_other_size(classifier, side)
        rehearse_views(classifier)
        optimizer = parts.optimizer(plain(cfg.optimizer), classifier.parameter_groups())
        epochs = cfg.trainer.max_epochs
        mode = cfg.classifier.mode
        parts.scheduler(plain(cfg.scheduler), optimizer, lambda: rehearsed_steps(cfg), epochs, mode)
    rehearse_loss(parts.loss(plain(cfg.loss), [1] * len(classes)), labels, len(classes))
    return classifier


def rehearsed_steps(cfg: DictConfig) -> int:
    """Returns any number of steps, for a schedule over the whole run. Raises UserError where only a time ends it."""
    if cfg.trainer.max_epochs == -1 and cfg.trainer.max_steps == -1:
        raise UserError(
            f"scheduler: {cfg.scheduler._target_} plans the whole run, whose length is unknown with trainer.max_time "
            "alone; type trainer.max_steps=N, or scheduler=constant"
        )
    return 1000


def rehearse_augment(augment: nn.Module, num_classes: int) -> tuple[Tensor, Tensor]:
    """Returns the augmented pictures and labels; UserError where a transform changes their number or channels."""
    images, labels = augment(torch.zeros(2, 1, SIZE, SIZE), torch.tensor([0, 1]))
    if images.shape[:2] != (2, 1) or tuple(labels.shape) not in ((2,), (2, num_classes)):
        expected = f"(2, 1, height, width) and (2,) or (2, {num_classes})"
        raise UserError(
            f"augment: images and labels of a batch of two came back as {tuple(images.shape)} and "
            f"{tuple(labels.shape)}; expected {expected}"
        )
    return images, labels


def rehearsed_classifier(cfg: DictConfig, classes: list[str]) -> Classifier:
    """Returns the classifier on the device "meta", or on the CPU if the network reads values while it is built."""
    options = {"classes": classes, "class_counts": [1] * len(classes)}
    try:
        with torch.device("meta"):
            return build_classifier(cfg, **options)
    except (NotImplementedError, RuntimeError, UserError) as error:
        if "meta" not in str(error):
            raise
        return build_classifier(cfg, **options)


def rehearse_input(cfg: DictConfig, classifier: Classifier) -> None:
    """Raises UserError for a network that fails on two pictures of 48×48, with a value of model.resize that helps."""
    try:
        rehearse_model(classifier, SIZE)
    except (RuntimeError, AssertionError) as error:  # torchvision asserts sizes
        side = accepted_side(cfg, list(classifier.classes))
        remedy = f"; model.resize={side} enlarges them first" if side else ""
        raise UserError(f"model: fails on two pictures of {SIZE}×{SIZE} ({first_line(error)}){remedy}") from error


def accepted_side(cfg: DictConfig, classes: list[str]) -> int | None:
    """Returns the first of SIDES to which model.resize can enlarge images for the network; None if none helps."""
    if "resize" not in cfg.model:
        return None
    for side in SIDES:
        resized = cfg.copy()
        resized.model.resize = side
        with suppress(RuntimeError, AssertionError, ValueError):
            classifier = rehearsed_classifier(resized, classes)
            with torch.device(classifier.mean.device):
                rehearse_model(classifier, SIZE)
            return side
    return None


def rehearse_model(classifier: Classifier, size: int) -> None:
    """Raises UserError for a network that does not return two rows of logits for two pictures."""
    logits = classifier(torch.zeros(2, 1, size, size))
    expected = (2, len(classifier.classes))
    if not isinstance(logits, Tensor) or tuple(logits.shape) != expected:
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise UserError(
            f"model: returned {got} for two pictures; expected logits {expected}, one row per picture and one column "
            "per class"
        )


def rehearse_other_size(classifier: Classifier, size: int) -> None:
    """Raises ValueError for a network that cannot train on pictures of `size`×`size`."""
    try:
        rehearse_model(classifier, size)
    except (RuntimeError, AssertionError):  # timm asserts sizes
        raise ValueError(
            f"training pictures of {size}×{size} do not fit the model, which sees {SIZE}×{SIZE} in validation; use "
            "model.head_pool=1, or augment.crop=null and no data.progressive_resizing"
        ) from None


def rehearse_views(classifier: Classifier) -> None:
    """Raises ValueError where the views of test-time augmentation do not fit the network."""
    options = classifier.hparams
    if options.tta in ("none", "flip"):
        return
    try:
        classifier.logits(torch.zeros(2, 1, SIZE, SIZE))
    except (RuntimeError, AssertionError):  # timm asserts sizes
        raise ValueError(
            f"classifier.tta={options.tta}: windows of {options.crop_to} pixels do not fit the model; set "
            f"classifier.crop_to={SIZE}"
        ) from None


def rehearse_loss(loss: nn.Module, labels: Tensor, num_classes: int) -> None:
    """Raises UserError for a loss that does not return a scalar."""
    rows = [index % len(labels) for index in range(num_classes + 1)]  # not as many as classes, which hides mistakes
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*target size")  # torch broadcasts labels of another size
            value = loss(torch.zeros(len(rows), num_classes), labels[rows])
    except (RuntimeError, ValueError, TypeError, LookupError, UserWarning) as error:
        raise UserError(
            f"loss: cannot be computed of logits {(len(rows), num_classes)} and labels {tuple(labels[rows].shape)} "
            f"({first_line(error)}); expected a loss for class numbers, such as torch.nn.CrossEntropyLoss"
        ) from error
    if not isinstance(value, Tensor) or value.ndim:
        got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise UserError(f"loss: returned {got}; expected a scalar, the mean over the batch")


def check_accelerator(cfg: DictConfig) -> None:
    """Raises UserError for a GPU that PyTorch does not find."""
    name = cfg.trainer.accelerator
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if found.get(name, any(found.values()) or name != "gpu"):
        return
    reason = "" if torch.version.cuda or name == "mps" else "; this PyTorch was built without CUDA"
    raise UserError(f"trainer.accelerator={name}: PyTorch finds no such device{reason}; trainer=cpu trains without one")


def rehearse_trainer(cfg: DictConfig) -> None:
    """Builds loggers, callbacks and the Trainer; none of them writes a file before training starts.

    Raises UserError for a strategy that trains in processes whose callbacks and metrics are lost: ddp_spawn, and
    ddp_fork, which Lightning chooses in a notebook.
    """
    check_accelerator(cfg)
    cfg = cfg.copy()
    cfg.output_dir = "."
    trainer = trainer_for(cfg, Path("."))
    environment = getattr(trainer.strategy, "cluster_environment", None)
    if trainer.num_nodes > 1 and isinstance(environment, LightningEnvironment) and "MASTER_ADDR" not in os.environ:
        raise UserError(
            f"trainer.num_nodes={trainer.num_nodes}: the other nodes are unknown; start the command on each node with "
            "torchrun or SLURM, or set MASTER_ADDR, MASTER_PORT and NODE_RANK there"
        )
    if isinstance(trainer.strategy.launcher, _MultiProcessingLauncher):
        raise UserError(
            f"trainer.strategy={cfg.trainer.strategy} with trainer.devices={cfg.trainer.devices}: a run on several "
            "devices is started in a shell, with trainer.strategy=ddp; a notebook trains on one, trainer.devices=1"
        )
