"""Configs: where they lie, what a run is called, and the checks that need nothing heavy."""

import difflib
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer.errors import UserError, fail, one_line_errors

HERE = Path(__file__).resolve().parent
CONF = next(path for path in (HERE / "conf", HERE.parent / "conf") if (path / "train.yaml").is_file())
"""Inside the package when installed from a wheel, beside it in a checkout."""

PATHS = ("output_dir", "data.root", "data.held_out", "labels.votes_file", "resume")
UNNAMED = ("experiment", "study", "seed", "existing", "retry", "trust", *PATHS)
"""Overrides that do not name a run: they are known otherwise, or are paths."""


def run_name(overrides: list[str]) -> str:
    """What differs from the defaults, as a folder name that shells and Hydra take unquoted: `optimizer-adam,…`."""
    parts = [part.lstrip("+~") for part in overrides if re.split("[=@]", part.lstrip("+~"))[0] not in UNNAMED]
    parts = [part for part in parts if not part.startswith(("hydra", "launcher"))]
    name = re.sub(r"[^A-Za-z0-9_.,-]+", "-", ",".join(sorted(parts)).replace("=", "-")).strip("-") or "defaults"
    return name if len(name) <= 120 else f"{name[:110]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


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


def register_resolvers() -> None:
    """Makes `${run_name:…}` and so on known to OmegaConf."""
    for resolver in (run_name, mode_of, effective_lr, scaled_lr, epochs_at):
        OmegaConf.register_new_resolver(resolver.__name__, resolver, replace=True)


register_resolvers()


def compose_config(overrides: list[str] | None = None, name: str = "train") -> DictConfig:
    """The config of a command as Hydra composes it, for tests and for code that runs without a command line."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, overrides=overrides or [])


Rule = tuple[str, Callable[[Any], bool]]
POSITIVE: Rule = ("a number > 0", lambda v: v > 0)
NOT_NEGATIVE: Rule = ("a number >= 0", lambda v: v >= 0)
SHARE: Rule = ("a number in [0, 1)", lambda v: 0 <= v < 1)
PROBABILITY: Rule = ("a number in [0, 1]", lambda v: 0 <= v <= 1)
COUNT: Rule = ("a whole number >= 1", lambda v: v >= 1 and v == int(v))
SIGNED_COUNT: Rule = ("a whole number >= 1, or -1", lambda v: v >= 1 or v == -1)
WHOLE: Rule = ("a whole number >= 0", lambda v: v >= 0 and v == int(v))

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
    "classifier.tta": ("none", "flip"),
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


def run_command(command: Callable[[], Any], name: str) -> None:
    """Runs a Hydra command with one-line messages for options that do not exist or do not compose.

    HYDRA_FULL_ERROR=1 shows tracebacks.
    """
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        command()
        return
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise instead of printing its own report
    try:
        with one_line_errors():
            command()
    except (HydraException, OmegaConfBaseException) as error:
        sys.exit(fail(explain(error, name)))
    finally:
        os.environ.pop("HYDRA_FULL_ERROR", None)


def explain(error: Exception, name: str) -> str:
    """Hydra's message as one line; for an unknown option with the names that exist there."""
    text = " ".join(str(error).split())
    if "Could not find 'hydra/launcher/submitit" in text:
        return "launcher=slurm needs hydra-submitit-launcher: pip install 'fer-lightning[slurm]'"
    unknown = re.search(r"Could not override '([^']+)'", text)
    if not unknown:
        return text.split(" Config search path")[0].split(" See https://hydra.cc")[0]
    wrong = unknown[1]
    cfg, parent, key = compose_config(name=name), "", wrong
    while "." in key and key.split(".")[0] in (cfg or {}):
        head, key = key.split(".", 1)
        parent, cfg = f"{parent}{head}.", cfg[head]
    options = [str(key) for key in cfg if not str(key).startswith("_")] if isinstance(cfg, DictConfig) else []
    close = difflib.get_close_matches(key.split(".")[0], options, n=1)
    guess = f" Did you mean {parent}{close[0]}?" if close else ""
    return f"no option '{wrong}'.{guess} {'In ' + parent.rstrip('.') if parent else 'At the top'}: {', '.join(options)}"
