"""Explains options that Hydra refuses: what exists instead, and how to type it."""

import difflib
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from fer import options, places
from fer.containers import plain

Compose = Callable[[list[str]], DictConfig]
"""Overrides -> the config of the command."""

ALIASES = {
    "lr": "optimizer.lr",
    "learning_rate": "optimizer.lr",
    "batch_size": "data.batch_size",
    "epochs": "trainer.max_epochs",
    "max_epochs": "trainer.max_epochs",
    "num_epochs": "trainer.max_epochs",
    "max_steps": "trainer.max_steps",
    "gpus": "trainer.devices",
    "devices": "trainer.devices",
    "ckpt_path": "resume",
    "checkpoint": "resume",
    "root": "data.root",
    "data_dir": "data.root",
    "classes": "labels.classes",
}
"""Short names, and names in other projects -> the option here."""
WITHOUT = {
    "num_workers": "batches are made in the training process, without workers; launcher.jobs with launcher=parallel "
    "runs several runs of a sweep at once",
}
WITHOUT["workers"] = WITHOUT["num_workers"]
"""Names in other projects for options that are not needed here -> why."""

UNKNOWN = re.compile(r"Could not (?:override|delete from config\.) '([^']+)'")
AMBIGUOUS = re.compile(r"Ambiguous value for argument '(.+?)' 1\. To use it as a list")
NO_CHOICE = re.compile(r".*Could not find '([\w/]+)/([^']+)' Available options in '[\w/]+': (.+)")
REWORDED = {
    re.compile(r".*Could not find 'hydra/launcher/submitit.*"): "launcher=slurm needs hydra-submitit-launcher: "
    "pip install 'fer-lightning[slurm]'",
    re.compile(r".*An item is already at '([^']+)'.*"): r"\1 exists already: type \1=VALUE, without the +",
    re.compile(r".*Multiple values for ([\w/]+)\. To override.*"): r"\1 is set already: type \1=NAME, without the +",
}
UNREADABLE = ("mismatched input", "extraneous input", "no viable alternative", "token recognition", "Lexer", "missing")


def explain(error: Exception, typed: Sequence[str], compose: Compose) -> str:
    """Returns Hydra's message for the overrides `typed` as one line; for an unknown option with the existing names."""
    text = " ".join(str(error).split())
    if unknown := UNKNOWN.search(text):
        return missing(unknown[1], typed, compose)
    if ambiguous := AMBIGUOUS.search(text):
        return comma(ambiguous[1])
    if any(words in text for words in UNREADABLE) and (word := refused(typed)):
        return unreadable(word)
    for pattern, words in REWORDED.items():
        if match := pattern.fullmatch(text):
            return match.expand(words)
    text = text.split(" Config search path")[0].split(" See https://hydra.cc")[0]
    if match := NO_CHOICE.fullmatch(text):
        return no_choice(match[1], match[2], match[3].split())
    return text


def no_choice(group: str, name: str, choices: Sequence[str]) -> str:
    folder, slash, rest = group.partition("/")
    if slash and folder in options.GROUPS:  # a path was typed, and Hydra took its folders for groups
        group, path = folder, f"{rest}/{name}"
        return f"{group}={path}: expected a name out of those that --help lists, such as {group}={choices[0]}"
    close = difflib.get_close_matches(name.lower(), choices, n=1)
    meant = [f"{group}={close[0]}"] if close else elsewhere(name)
    guess = f" Did you mean {' or '.join(meant)}?" if meant else ""
    return f"{group}={name}: no such choice.{guess} In conf/{group}: {', '.join(choices)}"


def elsewhere(name: str) -> list[str]:
    """Returns the choices of that name in other groups, such as experiment=tiny for model=tiny."""
    paths = [path.relative_to(places.CONF) for path in sorted(places.CONF.rglob("*.yaml")) if path.stem == name.lower()]
    return [f"{path.parts[0]}={path.stem}" for path in paths if len(path.parts) > 1]


def comma(word: str) -> str:
    key, _, value = word.partition("=")
    if key in options.GROUPS:
        return f"{word}: several choices need -m, which starts a run for each"
    one = f"'{key}=\"{value}\"'"
    return f"{word}: several values are a list, '{key}=[{value}]', or with -m a sweep; as one text: {one}"


def unreadable(word: str) -> str:
    key, _, value = word.partition("=")
    if any(value.count(opening) != value.count(closing) for opening, closing in ("[]", "{}", "()")):
        return f"{word}: the value cannot be read; its brackets do not match"
    return f"{word}: the value cannot be read; put it into quotes inside quotes: '{key}=\"{value}\"'"


def refused(typed: Sequence[str]) -> str | None:
    """Returns the first override that Hydra's grammar refuses; None without any."""
    parser = OverridesParser.create()
    for word in typed:
        try:
            parser.parse_override(word)
        except HydraException:
            return word
    return None


def missing(wrong: str, typed: Sequence[str], compose: Compose) -> str:
    """Returns what to type instead of the option `wrong`: another name, `+`, or the list of its neighbours."""
    folder, slash, _ = wrong.partition("/")
    if slash and folder in options.GROUPS:
        return f"no option '{wrong}'. Type {folder}=NAME"
    cfg = composed(typed, compose)
    wrong = wrong.replace("/", ".")
    above, key, node = descend(cfg, wrong)
    if not isinstance(node, DictConfig):
        return f"no option '{wrong}': {above} is one value, not a group of options"
    if sure := lacking(wrong, typed, compose) or meant(wrong, key, node, cfg):
        return f"no option '{wrong}'. {sure}"
    there = [str(name) for name in node if not str(name).startswith("_")]
    prefix = wrong.removesuffix(key)
    close = difflib.get_close_matches(key.split(".")[0], there, n=1)
    guess = f" Did you mean {prefix}{close[0]}?" if close and f"{prefix}{close[0]}" != wrong else ""
    return f"no option '{wrong}'.{guess} {f'In {above}' if above else 'At the top'}: {', '.join(there)}"


def lacking(wrong: str, typed: Sequence[str], compose: Compose) -> str:
    """Returns which of several choices of a sweep lacks the option `wrong` that another one has; "" otherwise."""
    group = wrong.partition(".")[0]
    words = [word for word in typed if is_choice(word) and word.partition("=")[0] == group and "," in word]
    if not words:
        return ""
    others = [word for word in typed if is_choice(word) and word.partition("=")[0] != group]
    choices = words[-1].partition("=")[2].split(",")
    having = [name for name in choices if has(compose([*others, f"{group}={name}"]), wrong)]
    without = [name for name in choices if name not in having]
    if not having or not without:
        return ""
    return f"{group}={having[0]} has it, {group}={without[0]} has not; sweep over it in a second command"


def has(cfg: DictConfig, name: str) -> bool:
    above, _, key = name.rpartition(".")
    node = OmegaConf.select(cfg, above)
    return isinstance(node, DictConfig) and key in node


def meant(wrong: str, key: str, node: DictConfig, cfg: DictConfig) -> str:
    """Returns what to type instead of `wrong`, by the arguments of a class or the names in other projects, or ""."""
    leaf = wrong.rpartition(".")[2]
    if leaf in WITHOUT:
        return f"There is none: {WITHOUT[leaf]}"
    if (target := node.get("_target_")) and key in arguments(target):
        return f"{target} takes it: type +{wrong}=VALUE"
    if "." not in wrong or leaf in ALIASES:
        known = leaves(cfg)
        alias = ALIASES.get(leaf)
        same = [path for path in known if path.rpartition(".")[2] == leaf]
        paths = [path for path in ([alias] if alias in known else same) if path != wrong]
        if paths:
            return f"Did you mean {' or '.join(paths[:3])}?"
    return ""


def composed(typed: Sequence[str], compose: Compose) -> DictConfig:
    """Returns the config with the typed group choices, the first of several; the defaults where it cannot compose."""
    groups = [word for word in typed if is_choice(word)]
    for overrides in ([*groups], []):
        try:
            return compose([word.split(",")[0] for word in overrides])
        except (HydraException, OmegaConfBaseException, ValueError):
            continue
    raise AssertionError("the defaults compose")


def is_choice(word: str) -> bool:
    """Whether an override chooses from a folder of configs: `optimizer=adam`, `+mine=x`, not `optimizer={…}`."""
    key, _, value = word.lstrip("+").partition("=")
    return "." not in key and (key.split("@")[0] in options.GROUPS or word.startswith("+")) and value[:1].isalnum()


def descend(cfg: DictConfig, wrong: str) -> tuple[str, str, Any]:
    """Returns the deepest existing option above `wrong`: its path, the rest of `wrong`, and its value."""
    path, rest, node = [], wrong, cfg
    while "." in rest and isinstance(node, DictConfig) and rest.split(".")[0] in node:
        head, rest = rest.split(".", 1)
        node = None if OmegaConf.is_missing(node, head) else node[head]
        path.append(head)
    return ".".join(path), rest, node


def leaves(cfg: DictConfig) -> list[str]:
    """Returns the names of all options below the top, without those that are interpolations of others."""
    content = plain(cfg, resolve=False)
    names = []
    for path in options.paths(content):
        above, key = options.parent(content, path)
        passed_on = above is not None and str(above[key]).startswith("${")
        if not passed_on and "." in path and not key.startswith("_"):
            names.append(path)
    return names


def arguments(target: str) -> list[str]:
    """Returns the names of the arguments of a class or function; none where it cannot be imported."""
    try:
        call = get_object(target)
        kinds = call.__mro__ if isinstance(call, type) else (call,)
        names = [name for kind in kinds for name in inspect.signature(kind).parameters]  # those behind **kwargs too
        return [name for name in dict.fromkeys(names) if name not in ("self", "params", "args", "kwargs")]
    except Exception:  # whatever an import may raise: this is only advice
        return []
