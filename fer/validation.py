"""Checks the values of options: ranges, choices and names. Reads no data and imports nothing heavy."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from fer import options, places, unused
from fer.containers import plain
from fer.errors import UserError
from fer.tta import VIEWS

Rule = tuple[str, Callable[[Any], bool]]
POSITIVE: Rule = ("a number > 0", lambda v: v > 0)
NOT_NEGATIVE: Rule = ("a number >= 0", lambda v: v >= 0)
SHARE: Rule = ("a number in [0, 1)", lambda v: 0 <= v < 1)
PROBABILITY: Rule = ("a number in [0, 1]", lambda v: 0 <= v <= 1)
COUNT: Rule = ("a positive integer", lambda v: isinstance(v, int) and v >= 1)
SIGNED_COUNT: Rule = ("a positive integer, or -1", lambda v: isinstance(v, int) and (v >= 1 or v == -1))
WHOLE: Rule = ("a non-negative integer", lambda v: isinstance(v, int) and v >= 0)
SEED: Rule = ("an integer from 0 to 4294967295", lambda v: isinstance(v, int) and 0 <= v < 2**32)

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
    **dict.fromkeys(("seed", "split_seed"), SEED),
    **dict.fromkeys(("model.resize", "trainer.check_val_every_n_epoch", "trainer.num_nodes"), COUNT),
}
NEEDED = ("seed", "split_seed", "max_epochs", "max_steps", "batch_size", "accumulate_grad_batches")
"""Options of RULES that cannot be null."""
SINGLE = (*NEEDED, "eval_batch_size", "limit", "log_every_n_steps", "check_val_every_n_epoch", "patience", "lr")
"""Options of RULES that cannot be a list."""
SEVERAL = ("values.", "search.")
"""Parts of the config in which lists are the values to try, and null leaves an option out."""
CHOICES: dict[str, tuple[Any, ...]] = {
    "data.roles": ("official", "folders", None),
    "data.normalize": ("train", "half", "unit"),
    "data.balance": ("none", "sampler"),
    "data.on_bad_row": ("error", "skip"),
    "labels.votes": ("none", "majority", "soft"),
    "loss.class_weights": ("none", "balanced"),
    "classifier.tta": tuple(VIEWS),
    "channels_last": ("auto", True, False),
    "compile": (True, False),
    "data.align": (True, False, "haar", "haar-fast", "centerface", "yunet"),
    "data.drop_train_copies": (True, False),
    "data.drop_held_out_copies": (True, False),
    "existing": ("new", "continue"),
    "retry": (True, False),
    "report": ("auto", True, False),
    "test": (True, False),
    "trainer.precision": ("auto", "32-true", "16-mixed", "bf16-mixed", "bf16-true", "16-true", "64-true", 32, 16, 64),
    "trainer.deterministic": (True, False, "warn", None),
    "trainer.gradient_clip_algorithm": ("norm", "value", None),
    **dict.fromkeys(("trainer.benchmark", "trainer.enable_progress_bar"), (True, False, None)),
    **dict.fromkeys(("trainer.inference_mode", "trainer.detect_anomaly"), (True, False)),
    "model.norm": ("batch", "group", "layer", "instance", "none"),
    "model.head_norm": ("batch", "group", "layer", "instance", "none"),
    "model.pool": ("max", "avg", "none"),
}

NOT_HERE: dict[str, tuple[tuple[Any, ...], str]] = {
    "trainer.callbacks": ((None,), "callbacks.NAME={_target_: …} adds one, callbacks=none leaves all out"),
    "trainer.default_root_dir": ((None,), "a run writes to output_dir"),
    "trainer.enable_checkpointing": (
        (None, True),
        "a run is scored and resumed from its last state; callbacks.checkpoint=null keeps no best one",
    ),
    "trainer.barebones": (
        (False, None),
        "it allows neither checkpoints nor logs, which a run needs; python -m fer.benchmark measures the bare speed",
    ),
    "trainer.logger": ((None, True, False), "loggers are chosen with logger=tensorboard, logger=[tensorboard,wandb] …"),
    **dict.fromkeys(
        ("trainer.limit_test_batches", "trainer.limit_predict_batches"),
        ((None,), "final figures are of whole splits; test=false leaves the test split unread"),
    ),
}
"""Arguments of Lightning's Trainer -> the values that are possible here, and what to do instead of another one."""

MAPPINGS = ("data.per_class", "data.synthetic")
"""Options that are mappings with fixed keys, without `_target_`."""

DURATION = re.compile(r"\d+:\d\d?:\d\d?:\d\d?")

MONITORED = "val/loss, val/accuracy, val/balanced_accuracy, val/macro_f1 or val/accuracy/<emotion>"
MONITOR = re.compile("None|val/(loss|accuracy|balanced_accuracy|macro_f1|accuracy/.+)")  # never the test split


def check(cfg: DictConfig, stored: bool = False) -> None:
    """Raises UserError for a value outside its range, an unknown choice, a missing value, and an option without effect.

    stored: cfg comes from a run's folder. Values have replaced the references there, so options without effect are not
    looked for.
    """
    check_names(cfg)
    check_mappings(cfg)
    if not stored:
        unused.check(cfg)
    classes = cfg.labels.classes
    if classes is not None and len(set(classes)) < max(2, len(classes)):
        raise UserError(f"labels.classes={list(classes)}: expected two or more different classes")
    for path, (possible, instead) in NOT_HERE.items():
        value = OmegaConf.select(cfg, path)
        if value not in possible:
            raise UserError(f"{path}={value}: {instead}")
    check_length(cfg)
    check_followers(cfg)
    for path, value in leaves(cfg):
        names = path.split(".")
        rule = RULES.get(".".join(names[-2:])) or RULES.get(names[-1])
        if rule and not (path.startswith("augment.") and names[-1] != "p"):
            expected, holds = rule
            if value is None and (names[-1] not in NEEDED or path.startswith(SEVERAL)):
                continue
            if isinstance(value, bool | str | ListConfig | None) or not holds(value):
                raise UserError(f"{path}={value}: expected {expected}")
        if names[-1] == "monitor" and not MONITOR.fullmatch(str(value)):
            raise UserError(f"{path}={value}: expected a metric of the validation split: {MONITORED}")
        if path in CHOICES and value not in CHOICES[path]:
            options = ", ".join("null" if option is None else str(option).lower() for option in CHOICES[path])
            raise UserError(f"{path}={value}: expected one of {options}")


def check_mappings(cfg: DictConfig) -> None:
    """Raises UserError for a mapping that is set to one value: without quotes, the shell takes `{a: 1,b: 2}` apart."""
    callbacks = [f"callbacks.{name}" for name in cfg.get("callbacks") or ()]
    for path in (*MAPPINGS, *callbacks):
        value = OmegaConf.select(cfg, path)
        if value is not None and not isinstance(value, DictConfig):
            instead = f"'{path}={{KEY: VALUE}}', or {path}.KEY=VALUE"
            raise UserError(f"{path}={value}: expected a mapping, in quotes for the shell: {instead}")


def check_names(cfg: DictConfig) -> None:
    """Raises UserError for an empty path, and for a study that cannot be a folder of runs."""
    for name in (name for name in options.PLACES if "*" not in name):
        above, _, key = name.rpartition(".")
        node = OmegaConf.select(cfg, above) if above else cfg
        if node is None or key not in node or OmegaConf.is_interpolation(node, key):
            continue
        if node[key] == "" or (isinstance(node[key], ListConfig) and (not node[key] or "" in node[key])):
            raise UserError(f"{name} is empty; give it a path, or leave it out (is a shell variable unset?)")
    study = str(cfg.get("study", "train") or "")
    if not study.strip():
        raise UserError("study is empty; give it a name, or leave it out (is a shell variable unset?)")
    if {"", ".", ".."} & set(study.replace("\\", "/").split("/")):
        raise UserError(
            f"study={study}: expected a name, or names joined by /, for a folder in ./{places.RUNS}; output_dir=FOLDER "
            "names a run's folder anywhere"
        )
    if study == places.LATEST:
        raise UserError(f"study={study}: {study} stands for the newest run; give the study another name")


def check_length(cfg: DictConfig) -> None:
    """Raises UserError for a training without an end, and for a time that Lightning cannot read."""
    trainer = cfg.get("trainer") or {}
    epochs, steps, time = (trainer.get(name) for name in ("max_epochs", "max_steps", "max_time"))
    if time is not None and not isinstance(time, DictConfig) and not DURATION.fullmatch(str(time)):
        raise UserError(f"trainer.max_time={time}: expected days:hours:minutes:seconds, such as 00:02:30:00")
    if epochs == -1 and steps == -1 and time is None:
        raise UserError("trainer.max_epochs=-1: training has no end; type trainer.max_steps=N or trainer.max_time=TIME")


def check_followers(cfg: DictConfig) -> None:
    """Raises UserError for early stopping without a metric, and for a plateau schedule without validation."""
    for name, node in (cfg.get("callbacks") or {}).items():
        if node and str(node.get("_target_")).endswith("EarlyStopping") and node.get("monitor") is None:
            raise UserError(f"monitor=null: early stopping follows it; callbacks.{name}=null leaves early stopping out")
    unvalidated = OmegaConf.select(cfg, "trainer.limit_val_batches") == 0
    if unvalidated and "Plateau" in str(OmegaConf.select(cfg, "scheduler._target_")):
        raise UserError("trainer.limit_val_batches=0: a plateau schedule follows the validation; choose another one")


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields dotted path and value of every plain value; the items of a list share the path of the list."""
    if isinstance(node, DictConfig):
        for key in node:
            if OmegaConf.is_missing(node, key):
                raise UserError(f"{path}{key} has no value; give one with {path}{key}=VALUE")
            # A value that an interpolation takes from elsewhere is checked there, unless that has another name.
            if not refers_to_namesake(node, key):
                yield from leaves(node[key], f"{path}{key}.")
    elif isinstance(node, ListConfig):
        name = path.rstrip(".")
        if name.rpartition(".")[2] in SINGLE and not name.startswith(SEVERAL):
            yield name, node
        for item in node:
            yield from leaves(item, path)
    else:
        yield path.rstrip("."), node


def refers_to_namesake(node: DictConfig, key: Any) -> bool:
    """Whether a value is an interpolation, unless of a single option with another name, such as `seed=${other}`."""
    if not OmegaConf.is_interpolation(node, key):
        return False
    text = plain(node, resolve=False)[key]
    return key not in SINGLE or str(text).rstrip("}").rpartition(".")[2].rpartition("{")[2] == key
