"""Locates and composes configs, and checks what needs no heavy imports."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer import commandline, hints, mappings, options, places
from fer.errors import UserError, fail, one_line_errors
from fer.naming import run_name

HERE = Path(__file__).resolve().parent
CONF = next(path for path in (HERE / "conf", HERE.parent / "conf") if (path / "train.yaml").is_file())
"""Inside the package when installed from a wheel, beside it in a checkout."""


def mode_of(monitor: str | None) -> str:
    """Whether the best value of a figure is its "min" (losses) or its "max"."""
    return "min" if "loss" in str(monitor) else "max"


def effective_lr(effective: float, momentum: float) -> float:
    """The learning rate of SGD whose steps add up to `effective` while the gradient stays the same."""
    return round(effective * (1 - momentum), 10)


def scaled_lr(lr: float, batch_size: int, reference: int, exponent: float) -> float:
    """`lr` of batches of `reference` images for other batches: exponent 1 for SGD (Goyal et al. 2017), 0.5 for Adam."""
    return round(lr * (batch_size / reference) ** exponent, 10)


def epochs_at(share: float, max_epochs: int) -> int:
    """The epochs after which `share` of a run is over, at least 1; of 30 epochs where max_epochs is -1."""
    return max(1, round(share * (30 if max_epochs == -1 else max_epochs)))


def folder_name(overrides: Sequence[str], given: str = ".") -> str:
    """The name of a run by its overrides, unless a sweep has given it one: see `fer.naming`."""
    return run_name(overrides) if given == "." else given


def register_resolvers() -> None:
    """Makes `${run_name:…}` and so on known to OmegaConf."""
    OmegaConf.register_new_resolver("run_name", folder_name, replace=True)
    for resolver in (mode_of, effective_lr, scaled_lr, epochs_at):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)


register_resolvers()
mappings.install()


def compose_config(
    overrides: Sequence[str] | None = None, name: str = "train", config_dir: str | None = None, **more: Any
) -> DictConfig:
    """The config of a command as Hydra composes it, for tests and for code that runs without a command line.

    overrides: places may stand as typed. config_dir: a folder of own configs, as of --config-dir.
    """
    typed = [commandline.as_typed(word) for word in overrides or []]
    if config_dir:
        typed.append(f"hydra.searchpath=[{commandline.quoted(f'file://{os.path.abspath(config_dir)}')}]")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, overrides=typed, **more)


def typed_overrides() -> list[str]:
    """The overrides that this process was started with; none without a command line."""
    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def config_dir(hydra: DictConfig | None = None) -> str | None:
    """The folder of own configs that this process was started with, as of --config-dir.

    hydra: Hydra's own config, where it is at hand: a sweep has none in force before its first run.
    """
    if hydra is None and not HydraConfig.initialized():
        return None
    hydra = hydra or HydraConfig.get()
    providers = ("command-line", "hydra.searchpath in command-line")
    sources = [source for source in hydra.runtime.config_sources if source.provider in providers]
    return next((source.path for source in sources if source.schema == "file"), None)


Rule = tuple[str, Callable[[Any], bool]]
POSITIVE: Rule = ("a number > 0", lambda v: v > 0)
NOT_NEGATIVE: Rule = ("a number >= 0", lambda v: v >= 0)
SHARE: Rule = ("a number in [0, 1)", lambda v: 0 <= v < 1)
PROBABILITY: Rule = ("a number in [0, 1]", lambda v: 0 <= v <= 1)
COUNT: Rule = ("a positive integer", lambda v: v >= 1 and v == int(v))
SIGNED_COUNT: Rule = ("a positive integer, or -1", lambda v: v >= 1 or v == -1)
WHOLE: Rule = ("a non-negative integer", lambda v: v >= 0 and v == int(v))

RULES: dict[str, Rule] = {
    **dict.fromkeys(("lr", "max_lr"), POSITIVE),
    **dict.fromkeys(("weight_decay", "gradient_clip_val", "gamma", "label_noise", "min_lr_ratio", "l1"), NOT_NEGATIVE),
    **dict.fromkeys(("dropout", "head_dropout", "momentum", "label_smoothing", "alpha", "decay"), SHARE),
    **dict.fromkeys(("p", "pct_start", "warmup"), PROBABILITY),
    **dict.fromkeys(("val_fraction", "test_fraction"), ("a number between 0 and 1", lambda v: 0 < v < 1)),
    **dict.fromkeys(
        ("batch_size", "eval_batch_size", "limit", "jobs", "accumulate_grad_batches", "log_every_n_steps"), COUNT
    ),
    **dict.fromkeys(("blocks", "head", "kernel_size", "stride", "pool_size", "pool_stride", "in_channels"), COUNT),
    **dict.fromkeys(("head_pool", "step_size", "milestones", "T_0", "T_mult", "size"), COUNT),
    **dict.fromkeys(("per_class.train", "per_class.val", "per_class.test"), COUNT),
    **dict.fromkeys(("synthetic.train", "synthetic.val", "synthetic.test"), COUNT),
    **dict.fromkeys(("search.trials", "search.seeds", "search.workers", "search.heartbeat"), COUNT),
    "search.hours": POSITIVE,
    "search.confirm": WHOLE,
    **dict.fromkeys(("max_epochs", "max_steps"), SIGNED_COUNT),
    "patience": WHOLE,
    "seed": WHOLE,
    "split_seed": WHOLE,
}
CHOICES: dict[str, tuple[Any, ...]] = {
    "data.roles": ("official", "folders", None),
    "data.normalize": ("train", "half", "unit"),
    "data.balance": ("none", "sampler"),
    "data.on_bad_row": ("error", "skip"),
    "labels.votes": ("none", "majority", "soft"),
    "loss.class_weights": ("none", "balanced"),
    "classifier.tta": ("none", "flip", "fivecrop", "tencrop"),
    "channels_last": ("auto", True, False),
    "compile": (True, False),
    "data.drop_train_copies": (True, False),
    "data.drop_held_out_copies": (True, False),
    "existing": ("new", "continue"),
    "retry": (True, False),
    "test": (True, False),
    "trainer.precision": ("auto", "32-true", "16-mixed", "bf16-mixed", "bf16-true", "16-true", "64-true", 32, 16, 64),
    "model.norm": ("batch", "group", "layer", "instance", "none"),
    "model.head_norm": ("batch", "group", "layer", "instance", "none"),
    "model.pool": ("max", "avg", "none"),
}

MONITORED = "val/loss, val/accuracy, val/balanced_accuracy, val/macro_f1 or val/accuracy/<emotion>"
MONITOR = re.compile("None|val/(loss|accuracy|balanced_accuracy|macro_f1|accuracy/.+)")  # never the test split


def check(cfg: DictConfig) -> None:
    """Raises UserError for a value outside its range, an unknown choice or a missing one; reads no data."""
    check_names(cfg)
    classes = cfg.labels.classes
    if classes is not None and len(set(classes)) < max(2, len(classes)):
        raise UserError(f"labels.classes={list(classes)}: expected two or more different classes")
    for path, value in leaves(cfg):
        names = path.split(".")
        rule = RULES.get(".".join(names[-2:])) or RULES.get(names[-1])
        if rule and value is not None and not (path.startswith("augment.") and names[-1] != "p"):
            expected, holds = rule
            if isinstance(value, bool | str) or not holds(value):
                raise UserError(f"{path}={value}: expected {expected}")
        if names[-1] == "monitor" and not MONITOR.fullmatch(str(value)):
            raise UserError(f"{path}={value}: expected a figure of the validation split: {MONITORED}")
        if path in CHOICES and value not in CHOICES[path]:
            options = ", ".join("null" if option is None else str(option).lower() for option in CHOICES[path])
            raise UserError(f"{path}={value}: expected one of {options}")


def check_names(cfg: DictConfig) -> None:
    """Raises UserError for a place that is empty, and for a study that cannot be a folder of runs."""
    for name in (name for name in options.PLACES if "*" not in name):
        above, _, key = name.rpartition(".")
        node = OmegaConf.select(cfg, above) if above else cfg
        if node is None or key not in node or OmegaConf.is_interpolation(node, key):
            continue
        if node[key] == "" or (isinstance(node[key], ListConfig) and (not node[key] or "" in node[key])):
            raise UserError(f"{name} is empty; give it a path, or leave it out (is a shell variable unset?)")
    study = str(cfg.get("study", "train"))
    if not study.strip():
        raise UserError("study is empty; give it a name, or leave it out (is a shell variable unset?)")
    if study == places.LATEST:
        raise UserError(f"study={study}: {study} stands for the newest run; give the study another name")


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of every plain value; the items of a list share the list's path."""
    if isinstance(node, DictConfig):
        for key in node:
            if OmegaConf.is_missing(node, key):
                raise UserError(f"{path}{key} has no value; give one with {path}{key}=VALUE")
            if not OmegaConf.is_interpolation(node, key):  # checked where the value was given
                yield from leaves(node[key], f"{path}{key}.")
    elif isinstance(node, ListConfig):
        for item in node:
            yield from leaves(item, path)
    else:
        yield path.rstrip("."), node


TRACEBACKS, OURS = "HYDRA_FULL_ERROR", "FER_HYDRA_RAISES"
"""Hydra's variable, and the one that tells that `run_command` set it."""


def run_command(command: Callable[[], Any], name: str) -> None:
    """Runs a Hydra command, its places taken as typed, with one line for options that do not exist or do not compose.

    HYDRA_FULL_ERROR=1 shows tracebacks.
    """
    with one_line_errors():
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
    """The environment of this process for a command in a child, without what `run_command` set."""
    ours = (TRACEBACKS, OURS) if OURS in os.environ else ()
    return {name: value for name, value in os.environ.items() if name not in ours}


def explain(error: Exception, name: str, arguments: Sequence[str] = ()) -> str:
    """Hydra's message as one line; `arguments` are those of the command, flags included."""
    folder = commandline.config_dir(arguments) or config_dir()
    typed = [word for word in arguments if not word.startswith("-")]
    return hints.explain(error, typed, lambda overrides: compose_config(overrides, name, folder))
