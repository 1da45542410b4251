"""Checks what a file may name, before anything in a checkpoint or a run folder is built.

What a user types, or keeps in a config folder, is trusted. A checkpoint or the `config.yaml` of a run folder may come
from anybody. It may name the networks, losses, optimizers, schedules and so on of fer, torch, torchvision, timm and
Lightning (`POSITIONS`). Other modules are imported only where the user trusts them by name: `trust=mymodule` for
fer.train, `--trust mymodule` for the other commands, FER_TRUST=mymodule for both. Nothing that a file names may load
weights, download, or write outside of the run's folder, unless the module that would do it is trusted.
"""

import importlib
import os
import re
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fer.build import RECURSIVE, TARGET
from fer.errors import UserError
from fer.schema import PARTS, check_hyperparameters, check_plain

TRUSTED: set[str] = set()
"""Modules that the user named for this process; FER_TRUST adds to them."""

NAME = re.compile(r"[\w.+\-, ]{0,200}")
"""Strings among the arguments of a network, loss, optimizer or schedule."""

LOADING = re.compile(
    r"(pretrained|checkpoint|ckpt|cache|hub|weights_|url|uri).*|weights|download|.*_(file|path|url|uri)"
)
"""Arguments that load weights or reach other machines."""

PLACES = ("dirpath", "save_dir", "path", "default_root_dir", "root_dir", "log_dir", "dir")
"""Arguments of callbacks, loggers and the Trainer that are folders or files to write."""


@dataclass(frozen=True)
class Position:
    """What a node at one place of a config may name: subclasses of `bases` (`module:Class`) defined below `homes`."""

    bases: tuple[str, ...]
    homes: tuple[str, ...]
    functions: tuple[str, ...] = ()
    arguments: str = "names"  # only names and numbers; or "places": paths below the run's folder; or "any"


MODULE = ("torch.nn:Module",)
POSITIONS = {
    "model": Position(MODULE, ("fer.models", "torch.nn", "torchvision.models", "torchvision.ops", "timm")),
    "loss": Position(MODULE, ("fer.losses", "torch.nn", "timm.loss")),
    "optimizer": Position(("torch.optim:Optimizer",), ("fer.optimizers", "torch.optim", "timm.optim")),
    "scheduler": Position(
        ("torch.optim.lr_scheduler:LRScheduler", "torch.optim.lr_scheduler:ReduceLROnPlateau"),
        ("fer.schedulers", "torch.optim"),
    ),
    "augment": Position(MODULE, ("fer.augment", "torch.nn", "torchvision.transforms")),
    "callbacks": Position(
        ("lightning.pytorch:Callback",),
        ("fer.training.callbacks", "fer.training.checkpointing", "lightning.pytorch.callbacks"),
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


@dataclass(frozen=True)
class Objection:
    """Why a node is not built. module: what `trust` has to name to build it all the same; None if nothing helps."""

    where: str
    reason: str
    module: str | None = None


def allow(modules: str | Sequence[str] | None) -> None:
    """Trusts modules, and everything below them, for this process. "a,b" are two; null and "" are none."""
    TRUSTED.update(names(modules))


def names(modules: str | Sequence[str] | None) -> list[str]:
    """Module names out of "a,b" or a list. Raises UserError for what is no module name."""
    listed = modules.split(",") if isinstance(modules, str) else [str(module) for module in modules or ()]
    listed = [module.strip() for module in listed if module.strip()]
    for module in listed:
        if not re.fullmatch(r"\w+(\.\w+)*", module):
            raise UserError(f"trust={module}: expected the name of a Python module, such as mymodule")
    return listed


def trusts(module: str) -> bool:
    """Whether the user trusts a module or a package above it."""
    return covered(module, {*TRUSTED, *names(os.environ.get("FER_TRUST"))})


def covered(module: str, packages: Collection[str]) -> bool:
    """Whether a module is one of some packages or lies below one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def check_parts(parameters: Any, source: Any) -> None:
    """Raises UserError unless the hyperparameters of a checkpoint are data of the right kinds and name nothing else.

    source: the file, for messages.
    """
    check_hyperparameters(parameters, source)
    refuse(unsafe_parts(parameters), source)


def unsafe_parts(parameters: Mapping[str, Any]) -> Iterator[Objection]:
    """What speaks against the network, loss, optimizer and scheduler of a checkpoint, whatever the user trusts."""
    for part in PARTS:
        yield from unsafe(parameters[part], part, POSITIONS[part])


def check_config(config: Any, folder: str, source: Any) -> None:
    """Raises UserError unless the config of the run in `folder` is plain data whose nodes may be built."""
    if not isinstance(config, Mapping):
        raise UserError(f"{source}: not the config of a run; expected a mapping")
    check_plain(config, source)
    refuse(unsafe_config(config, folder), source)


def unsafe_config(config: Mapping[str, Any], folder: str) -> Iterator[Objection]:
    """What speaks against building the parts of a run's config, whatever the user trusts."""
    for key, node in config.items():
        if key != "launcher":  # nothing of it is built for a run that is resumed
            yield from below(node, key, POSITIONS.get(key), folder)


def needed(objections: Iterator[Objection]) -> list[str]:
    """The modules that a command has to be told to trust so that nothing is refused. FER_TRUST is taken as given."""
    modules = {objection.module.split(".")[0] for objection in objections if objection.module}
    return sorted(module for module in modules if not covered(module, names(os.environ.get("FER_TRUST"))))


def option_for(parts: Mapping[str, Any]) -> str:
    """` --trust mymodule`, as a command needs it to load a classifier of these parts; empty where it needs none."""
    modules = ",".join(needed(unsafe_parts(parts)))
    return f" --trust {modules}" if modules else ""


def override_for(config: Mapping[str, Any], folder: str) -> str:
    """` trust=mymodule`, as fer.train needs it to resume the run in `folder`; empty where it needs none."""
    modules = ",".join(needed(unsafe_config(config, folder)))
    quoted = f"'{modules}'" if "," in modules else modules
    return f" trust={quoted}" if modules else ""


def refuse(objections: Iterator[Objection], source: Any) -> None:
    """Raises UserError for the first objection that no trust takes away."""
    for objection in objections:
        if objection.module is None:
            raise UserError(f"{source}: {objection.where} {objection.reason}; not loaded")
        if not trusts(objection.module):
            module = objection.module.split(".")[0]
            fix = f"if you know who made it, add trust={module} (fer.train) or --trust {module} (other commands)"
            raise UserError(f"{source}: {objection.where} {objection.reason}; not loaded; {fix}")


def below(node: Any, where: str, position: Position | None, folder: str) -> Iterator[Objection]:
    """The objections to all nodes in a part of a config."""
    if isinstance(node, list):
        for item in node:
            yield from below(item, where, position, folder)
    if not isinstance(node, Mapping):
        return
    if TARGET in node:
        if position is None:
            yield Objection(where, f"names {node[TARGET]!r} where nothing is built")
            return
        yield from unsafe(node, where, position, folder)
        if position.arguments == "names":
            return  # `unsafe` looked at everything inside
    for key, value in node.items():
        yield from below(value, f"{where}.{key}", POSITIONS.get(str(key), position), folder)


def unsafe(node: Any, where: str, position: Position, folder: str = "") -> Iterator[Objection]:
    """The objections to one node: its target, its arguments and, in a network or loss, every node inside."""
    if not isinstance(node, Mapping) or not isinstance(node.get(TARGET), str):
        yield Objection(where, f"names {target_in(node)!r}, which is no import path")
        return
    target = node[TARGET]
    module = target.rpartition(".")[0]
    if not permitted(target, position):
        kind = where.partition(".")[0].removesuffix("s")
        reason = f"names {target!r}, which is no {kind} that comes with fer or its libraries"
        yield Objection(where, reason, None if module.split(".")[0] in sys.stdlib_module_names else module)
    arguments = {key: value for key, value in node.items() if key not in (TARGET, "_convert_", RECURSIVE)}
    if position.arguments == "names":
        yield from unsafe_arguments(arguments, where, position, module)
    elif position.arguments == "places":
        yield from unsafe_places(arguments, where, module, folder)


def target_in(node: Any) -> Any:
    return node.get(TARGET) if isinstance(node, Mapping) else node


def unsafe_arguments(arguments: Mapping[str, Any], where: str, position: Position, module: str) -> Iterator[Objection]:
    """Objections to the arguments of a network, loss, optimizer, schedule or augmentation."""
    for key, value in arguments.items():
        place = f"{where}.{key}"
        if value and LOADING.fullmatch(str(key)):
            yield Objection(place, f"={value!r} loads weights or files", module)
        for item in flat(value):
            if isinstance(item, Mapping):
                yield from unsafe(item, place, position)
            elif isinstance(item, str) and not NAME.fullmatch(item):
                yield Objection(place, f"={item[:60]!r} is no name", module)


def unsafe_places(arguments: Mapping[str, Any], where: str, module: str, folder: str) -> Iterator[Objection]:
    """Objections to arguments of a callback, logger or the Trainer that lead out of the run's folder."""
    for key, value in arguments.items():
        for item in flat(value):
            if isinstance(item, str) and leads_out(item, key in PLACES, folder):
                yield Objection(f"{where}.{key}", f"={item[:80]!r} leads out of the run's folder", module)


def leads_out(text: str, is_place: bool, folder: str) -> bool:
    """Whether a path lies outside of `folder`. Other strings count as paths only if they look like one."""
    inside = f"{os.path.abspath(text)}{os.sep}".startswith(f"{os.path.abspath(folder)}{os.sep}")
    if is_place:
        return bool(text) and not inside
    looks = os.path.isabs(text) or text.startswith("~") or ".." in re.split(r"[/\\]", text) or "://" in text
    return looks and not inside


def flat(value: Any) -> Iterator[Any]:
    """The plain values in lists and in mappings without a target, and the mappings with one."""
    if isinstance(value, Mapping) and TARGET not in value:
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from flat(item)
    else:
        yield value


def permitted(target: str, position: Position) -> bool:
    """Whether `target` is a class that may stand at a position, or one of the functions that build networks."""
    module, _, name = target.rpartition(".")
    if target in position.functions:
        return True
    if not name or not covered(module, position.homes):
        return False
    try:
        found = getattr(importlib.import_module(module), name, None)
    except ImportError:
        return False
    if isinstance(found, type):
        bases = tuple(getattr(importlib.import_module(home), base) for home, base in pairs(position.bases))
        return issubclass(found, bases) and covered(found.__module__, position.homes)
    return position is POSITIONS["model"] and builds_network(found)


def pairs(bases: Sequence[str]) -> list[tuple[str, str]]:
    return [(module, name) for module, _, name in (base.partition(":") for base in bases)]


def builds_network(found: Any) -> bool:
    """Whether a function is a registered network of torchvision or timm, or timm.create_model."""
    module, name = str(getattr(found, "__module__", "")), str(getattr(found, "__name__", ""))
    if covered(module, ("torchvision.models",)):
        import torchvision

        return name in torchvision.models.list_models(module=torchvision.models)
    if covered(module, ("timm.models",)):
        import timm

        return found is timm.create_model or timm.is_model(name)
    return False


def without_loading(node: Any) -> Any:
    """A network's node without the arguments that load weights. A checkpoint keeps this one: it holds the weights."""
    if isinstance(node, Mapping):
        return {key: UNLOADED.get(key, without_loading(value)) for key, value in node.items()}
    return [without_loading(item) for item in node] if isinstance(node, list | tuple) else node


UNLOADED = {"pretrained": False, "weights": None, "weights_backbone": None}
"""What the arguments of timm and torchvision that load weights are by default."""
