"""Builds network, loss, optimizer and scheduler, each with the values that follow from data and run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from fer.build import ALIASES, BuildError, build, of_kind, resolve, signature_of, target_of

Node = Mapping[str, Any]
Schedule = LRScheduler | ReduceLROnPlateau


def model(node: Node, num_classes: int) -> nn.Module:
    """Builds a network. Raises BuildError for anything but an nn.Module."""
    network = build(node, where="model", into_kwargs=("num_classes",), num_classes=num_classes, in_channels=1)
    return of_kind(network, nn.Module, node, "model")


def loss(node: Node, class_counts: Sequence[int]) -> nn.Module:
    """Builds a loss. class_counts: training images of each class."""
    counts = list(class_counts)
    return of_kind(build(node, where="loss", class_counts=counts, num_classes=len(counts)), nn.Module, node, "loss")


def optimizer(node: Node, groups: Sequence[Any]) -> Optimizer:
    """Builds an optimizer of parameters or parameter groups."""
    return of_kind(build(node, groups, where="optimizer"), Optimizer, node, "optimizer")


def scheduler(
    node: Node, optimizer: Optimizer, total_steps: Callable[[], int], epochs: int | None, mode: str
) -> tuple[Schedule, str]:
    """Builds a learning-rate schedule; returns it and how often it steps, "step" or "epoch".

    total_steps: returns the optimizer steps of the whole run. It is called only for schedules that take them, because
    the Trainer reads the data to answer. epochs: of the whole run; None or -1 where the steps limit it.
    """
    node = dict(node)
    interval = node.pop("interval", None)
    target = resolve(target_of(node, "scheduler"), "scheduler")
    parameters = signature_of(target)
    knows_steps = any(name in parameters for name in ALIASES["total_steps"])
    if interval is None:
        interval = "step" if knows_steps else "epoch"
    if interval not in ("step", "epoch"):
        raise BuildError(f"scheduler.interval={interval}: expected step or epoch")
    offered = {"total_steps": total_steps()} if knows_steps else {}
    if "T_max" in parameters:
        by_steps = interval == "step" or not epochs or epochs < 0
        offered["T_max"] = total_steps() if by_steps else epochs
    if isinstance(target, type) and issubclass(target, ReduceLROnPlateau):
        offered["mode"] = mode
    schedule = build(node, where="scheduler", optimizer=optimizer, **offered)
    return of_kind(schedule, (LRScheduler, ReduceLROnPlateau), node, "scheduler"), interval


def channels(network: nn.Module) -> int:
    """Returns the channels of the pictures that a network takes: 3 if its first convolution has 3, else 1."""
    first = next((layer for layer in network.modules() if isinstance(layer, nn.Conv2d)), None)
    return 3 if first is not None and first.in_channels == 3 else 1
