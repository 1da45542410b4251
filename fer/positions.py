"""Says what a checkpoint or a stored config may name, and where.

A file may name the networks, losses, optimizers, schedules and so on of fer, torch, torchvision, timm and Lightning.
`POSITIONS` says which of them may stand at which place of a config. `fer.objections` applies it to a file.
"""

import importlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Position:
    """What a node at one place of a config may name.

    bases: the class must be a subclass of one of these, written `module:Class`. homes: packages that define it.
    functions: import paths of functions that are allowed as well. arguments: "names" allows names and numbers only,
    "places" also paths in the run's folder, "any" everything.
    """

    bases: tuple[str, ...]
    homes: tuple[str, ...]
    functions: tuple[str, ...] = ()
    arguments: str = "names"


MODULE = ("torch.nn:Module",)
POSITIONS = {
    "model": Position(
        MODULE,
        ("fer.models", "torch.nn", "torchvision.models", "torchvision.ops", "timm"),
        functions=("fer.given.given_module",),  # builds nothing
    ),
    "loss": Position(MODULE, ("fer.losses", "torch.nn", "timm.loss")),
    "optimizer": Position(("torch.optim:Optimizer",), ("fer.optimizers", "torch.optim", "timm.optim")),
    "scheduler": Position(
        ("torch.optim.lr_scheduler:LRScheduler", "torch.optim.lr_scheduler:ReduceLROnPlateau"),
        ("fer.schedulers", "torch.optim"),
    ),
    "augment": Position(MODULE, ("fer.augment", "torch.nn", "torchvision.transforms")),
    "callbacks": Position(
        ("lightning.pytorch:Callback",),
        (
            "fer.training.averaging",
            "fer.training.callbacks",
            "fer.training.checkpointing",
            "fer.training.finetuning",
            "fer.training.pictures",
            "fer.training.progress",
            "lightning.pytorch.callbacks",
        ),
        functions=("fer.training.callbacks.progress_bar",),
        arguments="places",
    ),
    "logger": Position(
        ("lightning.pytorch.loggers:CSVLogger", "lightning.pytorch.loggers:TensorBoardLogger"),
        ("fer.training.checkpointing", "lightning.pytorch.loggers"),
        arguments="places",
    ),
    "trainer": Position(
        (
            "lightning.pytorch:Trainer",
            "lightning.pytorch.profilers:Profiler",
            "lightning.pytorch.strategies:Strategy",
            "lightning.pytorch.plugins:Precision",
        ),
        ("lightning.pytorch",),
        arguments="places",
    ),
    "data": Position(("fer.data.datamodule:FERDataModule",), ("fer.data",), arguments="any"),
    "classifier": Position(("fer.classifier:Classifier",), ("fer.classifier",), arguments="any"),
}
"""Key of a config or of a checkpoint's hyperparameters -> what may stand there."""


def permitted(target: str, position: Position) -> bool:
    """Whether a position allows `target`: a class of it, one of its functions, or a function that builds networks."""
    module, _, name = target.rpartition(".")
    if target in position.functions:
        return True
    if not name or not covered(module, position.homes):
        return False
    try:
        target_object = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    if isinstance(target_object, type):
        bases = tuple(map(import_class, position.bases))
        return issubclass(target_object, bases) and covered(target_object.__module__, position.homes)
    return position is POSITIONS["model"] and builds_network(target_object)


def import_class(path: str) -> type:
    """Returns the class at a path such as "torch.nn:Module"."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def builds_network(function: Any) -> bool:
    """Whether a function is a registered network of torchvision or timm, or timm.create_model."""
    module, name = str(getattr(function, "__module__", "")), str(getattr(function, "__name__", ""))
    if covered(module, ("torchvision.models",)):
        import torchvision

        return name in torchvision.models.list_models(module=torchvision.models)
    if covered(module, ("timm.models",)):
        import timm

        return function is timm.create_model or timm.is_model(name)
    return False


def covered(module: str, packages: Collection[str]) -> bool:
    """Whether a module is one of some packages or lies below one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)
