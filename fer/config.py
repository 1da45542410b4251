"""Composes configs, and runs Hydra commands with one-line errors."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import hydra
from hydra import initialize_config_dir
from hydra.conf import HydraConf
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer import commandline, hints, mappings, refusals
from fer.containers import plain
from fer.errors import UserError, fail, one_line_errors
from fer.naming import run_name
from fer.places import CONF
from fer.quoting import quoted
from fer.resolvers import register_resolvers

register_resolvers()
mappings.install()


def compose_config(
    overrides: Sequence[str] | None = None, name: str = "train", config_dir: str | None = None, **more: Any
) -> DictConfig:
    """Returns the config of a command as Hydra composes it, for tests and code without a command line.

    overrides: as typed, paths included. config_dir: a folder of own configs, as with --config-dir.
    """
    typed = [commandline.as_typed(word) for word in overrides or [] if not commandline.changes_nothing(word)]
    if config_dir:
        typed.append(f"hydra.searchpath=[{quoted(f'file://{os.path.abspath(config_dir)}')}]")
    outer = GlobalHydra.instance().hydra  # a notebook's or another program's own
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = hydra.compose(name, overrides=typed, **more)
    finally:
        GlobalHydra.instance().hydra = outer
    if not is_ours() and OmegaConf.is_interpolation(cfg, "output_dir"):
        raw = plain(cfg, resolve=False)["output_dir"]
        cfg.output_dir = RUN_NAME.sub(run_name(overrides or []), raw)
    return cfg


def compose(*overrides: str, command: str = "train", config_dir: str | None = None) -> DictConfig:
    """Returns the config that `python -m fer.train OVERRIDES` would have, for `fer.fit` or to look at.

    command: "train", "search", "eda" or "benchmark". config_dir: a folder of own configs. Raises UserError, with what
    to type instead, for options that do not exist.
    """
    if command not in COMMANDS:
        raise UserError(f"command={command!r}: expected one of {', '.join(COMMANDS)}")
    for before, word in pairwise(["", *overrides]):
        check_word(word, before)
    try:
        return compose_config(list(overrides), command, config_dir)
    except (HydraException, OmegaConfBaseException) as error:
        typed = list(overrides)
        raise UserError(
            hints.explain(error, typed, lambda words: compose_config(words, command, config_dir))
        ) from error


APPS = re.compile(r"fer\.\w+")
"""What Hydra calls the commands of fer."""
COMMANDS = ("train", "search", "eda", "benchmark")
"""Commands that have a config."""


def check_word(word: object, before: str) -> None:
    """Raises UserError for an argument of `compose` that is no option; before: the one to its left."""
    if not isinstance(word, str):
        raise UserError(f"{word!r}: expected a string NAME=VALUE, such as 'model=cnn3'")
    if word.startswith("-"):
        raise UserError(
            f"{word}: flags are for the command line; in Python config_dir=FOLDER names a folder of own configs, and "
            "a loop over fer.fit takes the place of a sweep"
        )
    refusals.check(word, before)


RUN_NAME = re.compile(r"\$\{run_name:(\$\{[^}]*\},?)+\}")
"""The part of `output_dir` that only a command line fills in."""


def is_ours() -> bool:
    """Whether this process is a Hydra command of fer, rather than no such command or another program's."""
    return HydraConfig.initialized() and bool(APPS.fullmatch(str(HydraConfig.get().help.app_name)))


def typed_overrides() -> list[str]:
    """Returns the overrides that this process was started with; none without a command line."""
    return list(HydraConfig.get().overrides.task) if is_ours() else []


def config_dir(hydra: DictConfig | HydraConf | None = None) -> str | None:
    """Returns the folder of own configs that this process was started with (--config-dir); None without one.

    hydra: Hydra's own config; a sweep has to pass it, because none is in force before its first run.
    """
    if hydra is None and not is_ours():
        return None
    hydra = hydra or HydraConfig.get()
    providers = ("command-line", "hydra.searchpath in command-line")
    sources = [source for source in hydra.runtime.config_sources if source.provider in providers]
    return next((source.path for source in sources if source.schema == "file"), None)


TRACEBACKS, OURS = "HYDRA_FULL_ERROR", "FER_HYDRA_RAISES"
"""Hydra's variable, and the variable that marks that `run_command` has set it."""


def run_command(command: Callable[[], Any], name: str) -> None:
    """Runs a Hydra command; paths are taken as typed, and options that do not exist or compose end in one line.

    HYDRA_FULL_ERROR=1 shows tracebacks.
    """
    with one_line_errors():
        refusals.check_flags(sys.argv[1:], name)
        sys.argv[1:] = commandline.prepared(sys.argv[1:])
    if os.environ.get(TRACEBACKS) == "1":
        command()
        return
    os.environ |= {TRACEBACKS: "1", OURS: "1"}  # makes Hydra raise instead of printing its own report
    try:
        with one_line_errors():
            command()
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(fail(explain(error, name, sys.argv[1:])))
    finally:
        for variable in (TRACEBACKS, OURS):
            os.environ.pop(variable, None)


def child_environment() -> dict[str, str]:
    """Returns the environment for a command in a child process, without what `run_command` has set."""
    ours = (TRACEBACKS, OURS) if OURS in os.environ else ()
    return {name: value for name, value in os.environ.items() if name not in ours}


def explain(error: Exception, name: str, arguments: Sequence[str] = ()) -> str:
    """Returns Hydra's message as one line. arguments: those of the command, flags included."""
    folder = commandline.config_dir(arguments) or config_dir()
    typed = [word for word in arguments if not word.startswith("-")]
    return hints.explain(error, typed, lambda overrides: compose_config(overrides, name, folder))
