"""Builds network, loss, optimizer and scheduler, each with the values that follow from data and run."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from fer import layers
from fer.build import ALIASES, BuildError, build, of_kind, resolve, signature_of, target_of

Node = Mapping[str, Any]
Schedule = LRScheduler | ReduceLROnPlateau


LR_SCALE = "lr_scale"
"""Key of an optimizer's parameter group: the factor of its learning rate, by `classifier.layer_decay`."""
OURS = ("freeze", "pretrained")
"""Keys of a network's node that are not arguments of the network, unless its signature names them."""


def model(node: Node, num_classes: int) -> nn.Module:
    """Builds a network, its parameters frozen as `node["freeze"]` says, see `fer.layers.freeze`.

    `node["pretrained"]` is left to `fer.training.initial`. Raises BuildError for anything but an nn.Module.
    """
    ours, node = separated(node)
    network = build(node, where="model", into_kwargs=("num_classes",), num_classes=num_classes, in_channels=1)
    network = of_kind(network, nn.Module, node, "model")
    if ours.get("freeze"):
        layers.freeze(network, ours["freeze"])
    return network


def separated(node: Node) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the keys of a network's node in OURS, and the node without them."""
    parameters = signature_of(resolve(target_of(node, "model"), "model"))
    ours = {key: value for key, value in node.items() if key in OURS and key not in parameters}
    return ours, {key: value for key, value in node.items() if key not in ours}


def loss(node: Node, class_counts: Sequence[int]) -> nn.Module:
    """Builds a loss. class_counts: training images of each class."""
    counts = list(class_counts)
    return of_kind(build(node, where="loss", class_counts=counts, num_classes=len(counts)), nn.Module, node, "loss")


def optimizer(node: Node, groups: Sequence[Any]) -> Optimizer:
    """Builds an optimizer of parameters or parameter groups."""
    return of_kind(build(node, groups, where="optimizer"), Optimizer, node, "optimizer")


def learning_rate(node: Node) -> float | None:
    """Returns the learning rate of an optimizer's node, by default that of its class; None for one without."""
    parameter = signature_of(resolve(target_of(node, "optimizer"), "optimizer")).get("lr")
    default = parameter.default if parameter else None
    return node.get("lr", default if isinstance(default, int | float) else None)


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
    offered: dict[str, Any] = {"total_steps": total_steps()} if knows_steps else {}
    if "T_max" in parameters:
        by_steps = interval == "step" or not epochs or epochs < 0
        offered["T_max"] = total_steps() if by_steps else epochs
    if isinstance(target, type) and issubclass(target, ReduceLROnPlateau):
        offered["mode"] = mode
    scales = [group[LR_SCALE] for group in optimizer.param_groups if LR_SCALE in group]
    if scales and isinstance(node.get("max_lr"), int | float):
        node["max_lr"] = [node["max_lr"] * scale for scale in scales]
    schedule = build(node, where="scheduler", optimizer=optimizer, **offered)
    return of_kind(schedule, (LRScheduler, ReduceLROnPlateau), node, "scheduler"), interval


def rescale(schedule: Schedule, factor: float) -> None:
    """Multiplies all learning rates that a schedule computes by `factor`."""
    if hasattr(schedule, "base_lrs"):
        schedule.base_lrs = [rate * factor for rate in schedule.base_lrs]
    for group in schedule.optimizer.param_groups:
        group |= {key: group[key] * factor for key in RATES if key in group}


def cover_new_groups(schedule: Schedule) -> None:
    """Makes a schedule follow parameter groups that were added to its optimizer, at their ratio to the first group.

    Lightning's BackboneFinetuning adds one when it unfreezes the backbone.
    """
    groups, rates = schedule.optimizer.param_groups, getattr(schedule, "base_lrs", None)
    if rates is None:
        return
    for group in groups[len(rates) :]:
        ratio = group["lr"] / groups[0]["lr"] if groups[0]["lr"] else 1.0
        rates.append(rates[0] * ratio)
        group |= {key: groups[0][key] * ratio for key in RATES if key in groups[0]}
        if lambdas := getattr(schedule, "lr_lambdas", None):
            lambdas.append(lambdas[0])


RATES = ("initial_lr", "max_lr", "min_lr")
"""Keys of a parameter group in which torch's schedules keep learning rates."""


def channels(network: nn.Module) -> int:
    """Returns the channels of the pictures that a network takes: 3 if its first convolution has 3, else 1."""
    first = next((layer for layer in network.modules() if isinstance(layer, nn.Conv2d)), None)
    return 3 if first is not None and first.in_channels == 3 else 1
