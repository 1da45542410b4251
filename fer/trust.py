"""Decides what a file may make this process build.

What a user types, or keeps in a config folder, is trusted. A checkpoint or the `config.yaml` of a run folder may come
from anybody: what it may name is listed in `fer.positions`. Other modules are imported only where the user trusts them
by name: `trust=mymodule` for fer.train, `--trust mymodule` for the other commands, FER_TRUST=mymodule for both. Nothing
that a file names may load weights, download, or write outside of the run's folder, unless its module is trusted.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from fer.errors import UserError
from fer.objections import Objection, unsafe_config, unsafe_parts, unsafe_reader
from fer.positions import covered
from fer.schema import check_hyperparameters, check_plain

TRUSTED: set[str] = set()
"""Modules that the user named for this process; FER_TRUST adds to them."""


def allow(modules: str | Sequence[str] | None) -> None:
    """Trusts modules and their submodules in this process. "a,b" names two; None and "" name none."""
    TRUSTED.update(names(modules))


def names(modules: str | Sequence[str] | None) -> list[str]:
    """Returns the module names in "a,b" or in a list. Raises UserError for anything else."""
    listed = modules.split(",") if isinstance(modules, str) else [str(module) for module in modules or ()]
    listed = [module.strip() for module in listed if module.strip()]
    for module in listed:
        if not re.fullmatch(r"\w+(\.\w+)*", module):
            raise UserError(f"trust={module}: expected the name of a Python module, such as mymodule")
    return listed


def trusts(module: str) -> bool:
    """Whether the user trusts a module or a package above it."""
    return covered(module, {*TRUSTED, *names(os.environ.get("FER_TRUST"))})


def check_parts(parameters: Any, source: Any) -> None:
    """Raises UserError unless the hyperparameters of a checkpoint fit the schema and name only what may be built.

    source: the file, for messages.
    """
    check_hyperparameters(parameters, source)
    refuse(unsafe_parts(parameters), source)


def check_config(config: Any, folder: str, source: Any) -> None:
    """Raises UserError unless the config of the run in `folder` is plain data whose nodes may be built."""
    if not isinstance(config, Mapping):
        raise UserError(f"{source}: not the config of a run; expected a mapping")
    check_plain(config, source)
    refuse(unsafe_config(config, folder), source)


def needed(objections: Iterator[Objection]) -> list[str]:
    """Returns the modules that a command must trust so that nothing is refused, without those of FER_TRUST."""
    modules = {objection.module.split(".")[0] for objection in objections if objection.module}
    return sorted(module for module in modules if not covered(module, names(os.environ.get("FER_TRUST"))))


def option_for(parts: Mapping[str, Any]) -> str:
    """Returns ` --trust mymodule` where a command needs it to load these parts, or their data, else ""."""
    modules = ",".join(needed(chain(unsafe_parts(parts), unsafe_reader(parts.get("data") or {}))))
    return f" --trust {modules}" if modules else ""


def override_for(config: Mapping[str, Any], folder: str) -> str:
    """Returns ` trust=mymodule` where fer.train needs it to resume the run in `folder`, else ""."""
    modules = ",".join(needed(unsafe_config(config, folder)))
    quoted = f"'{modules}'" if "," in modules else modules
    return f" trust={quoted}" if modules else ""


def refuse(objections: Iterator[Objection], source: Any) -> None:
    """Raises UserError for the first objection that the user has not lifted by trusting its module."""
    for objection in objections:
        if objection.module is None:
            raise UserError(f"{source}: {objection.where} {objection.reason}; not loaded")
        if not trusts(objection.module):
            module = objection.module.split(".")[0]
            fix = f"if you know who made it, add trust={module} (fer.train) or --trust {module} (other commands)"
            raise UserError(f"{source}: {objection.where} {objection.reason}; not loaded; {fix}")


def without_loading(node: Any) -> Any:
    """Returns a network's node without arguments that load weights, for checkpoints, which hold the weights."""
    if isinstance(node, Mapping):
        return {key: UNLOADED.get(key, without_loading(value)) for key, value in node.items()}
    return [without_loading(item) for item in node] if isinstance(node, list | tuple) else node


UNLOADED = {"pretrained": False, "weights": None, "weights_backbone": None}
"""Arguments of timm and torchvision that load weights, with their defaults."""
