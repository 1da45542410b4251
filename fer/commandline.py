"""Prepares command lines for Hydra, and writes command lines that can be typed again.

Paths are taken as typed: `~`, `=`, commas, brackets, blanks and backslashes are part of a name. `[a,b]` is a list
where the option takes several paths; with -m a comma outside quotes and brackets separates the values of a sweep. Text
that Hydra would read differently is put into Hydra's quotes. The result may be prepared again, as in the ranks of a
distributed run, without a change.
"""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from fer import options, places
from fer.errors import UserError
from fer.quoting import quoted, split, unquoted

MULTIRUN = ("-m", "--multirun", "hydra.mode=MULTIRUN")
SHOWING = ("--cfg", "-c", "--info", "-i")
"""Flags of Hydra that show a config instead of running it."""
VALUED = {"--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p", "--cfg", "-c"}
VALUED |= {"--experimental-rerun", "--info", "-i"}
"""Flags of Hydra whose value is the next word; --info may stand without one."""
CONFIG_DIR = ("--config-dir", "-cd")
SWEPT = re.compile(r"(choice|range|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
NOTHING = re.compile(r"null|none|false|\[\]", re.IGNORECASE)
NO_NAME = re.compile(r"null|true|false|\[\]|[-+]?[0-9.]+(e[-+]?[0-9]+)?", re.IGNORECASE)
OPTION = re.compile(r"[+~]*[A-Za-z_][\w.@/]*=")
OTHERS = {
    "hydra/launcher": "runs of a sweep are started by launcher=parallel or launcher=slurm",
    "hydra/sweeper": "python -m fer.search searches options, with Optuna",
    "hydra.run.dir": "output_dir=FOLDER names a run's folder",
    "hydra.sweep.dir": "study=NAME names the folder of a sweep, in ./runs",
    "hydra.job.chdir": "a run never changes the current folder",
}
"""Options of Hydra -> what to use here instead."""
REMOVABLE = ("model", "loss", "optimizer", "scheduler", "augment", "callbacks", "logger", "sampler", "pruner", "search")
"""Groups whose keys `~` may remove: arguments with defaults, callbacks, loggers, transforms, dimensions of a space."""


def prepared(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments in the form that Hydra reads. Raises UserError for words that a shell split, and for an
    empty path."""
    multirun = any(word in MULTIRUN for word in arguments)
    if multirun and any(word.partition("=")[0] in SHOWING for word in arguments):
        arguments, multirun = first_run(arguments), False
    flags: list[str] = []
    overrides: list[str] = []
    before = ""
    for word in arguments:
        if before in VALUED and not is_option(word):
            flags.append(folder(before, word))
        elif word.startswith("-"):
            flag, equals, value = word.partition("=")
            flags.append(f"{flag}={folder(flag, value)}" if equals else word)
        elif not changes_nothing(word):
            check(word, before)
            overrides.append(as_typed(word, multirun))
        before = word
    return overrides + flags  # argparse takes no flag between overrides, and --info would take one as its value


def changes_nothing(word: str) -> bool:
    """Whether a word asks for no experiment, which is the default and which Hydra cannot read."""
    key, _, value = word.partition("=")
    return key == "experiment" and NOTHING.fullmatch(value) is not None


def first_run(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments of a sweep's first run, whose config `--cfg job` shows; Hydra shows none of a sweep."""
    words = [word for word in arguments if word not in MULTIRUN]
    return [f"{word.partition('=')[0]}={first_value(word)}" if is_assignment(word) else word for word in words]


def is_assignment(word: str) -> bool:
    """Whether a word is NAME=VALUE rather than a flag or a deletion."""
    return "=" in word and not word.startswith(("-", "~"))


def first_value(word: str) -> str:
    """Returns the first value of an override that may list several; a range or a sorted choice stays as it is."""
    return next(split(word.partition("=")[2]))


def check_flags(arguments: Sequence[str], name: str) -> None:
    """Raises UserError for flags that would make one command another one. name: the command's, such as "train"."""
    for word in arguments:
        if word.partition("=")[0] in ("--config-name", "-cn", "--config-path", "-cp"):
            command = f"python -m fer.{name}"
            raise UserError(
                f"{word}: {command} has one config; choices of your own come from --config-dir FOLDER, and each other "
                "config is a command, such as python -m fer.search"
            )
        if word == "--resolve" and not any(other.partition("=")[0] in ("--cfg", "-c") for other in arguments):
            raise UserError("--resolve shows values in place of references; it goes with --cfg job")


def is_option(word: str) -> bool:
    """Whether a word after a flag of Hydra is the next option rather than the flag's value."""
    return word.startswith("-") or OPTION.match(word) is not None


def folder(flag: str, value: str) -> str:
    """Returns the value of a flag; `~` in the path of --config-dir is expanded."""
    return str(places.typed(value)) if flag in CONFIG_DIR else value


def check(word: str, before: str) -> None:
    """Raises UserError for a word that is not an option, and for options that this project replaces.

    before: the word to the left of it.
    """
    key, equals, value = word.partition("=")
    name = key.lstrip("+")
    if not equals and not word.startswith("~"):
        raise UserError(stray(word, before))
    if word.startswith("~"):
        check_removal(options.name_of(word))
    if name in OTHERS:
        raise UserError(f"{word}: {OTHERS[name]}; leave this option out")
    if value.startswith("interval("):
        raise UserError(f"{word}: a sweep lists its values, as in {name}=A,B; python -m fer.search draws from a range")
    if name in options.GROUPS and name != "experiment":
        parts = value.split(",")
        if any(NO_NAME.fullmatch(part) and not is_none(name, part) for part in parts):
            raise UserError(f"{word}: expected a name out of those that --help lists")
    option = options.row(options.name_of(word))
    if equals and options.is_free(options.name_of(word)) and not option.named and not is_mapping(value):
        raise UserError(f"{word}: expected a mapping, in quotes for the shell: '{name}={{KEY: VALUE}}'")


def check_removal(name: str) -> None:
    """Raises UserError for `~name` where a run needs the option."""
    none = options.row(name).none if name in options.GROUPS else ""
    if none:
        raise UserError(f"~{name}: type {name}={none}")
    if name in options.GROUPS:
        raise UserError(f"~{name}: a run needs a choice; type {name}=NAME")
    if name.partition(".")[0] not in REMOVABLE and options.top_row(name) is not options.UNKNOWN:
        raise UserError(f"~{name}: a run needs this option; type {name}=VALUE")


def stray(word: str, before: str) -> str:
    """Returns the error for a word without `=`, which may be the end of a value with a blank."""
    if "=" in before and not before.startswith("-"):
        whole = f"{before} {word}"
        return f"{word}: expected NAME=VALUE; if the blank belongs to the value, quote it: {shlex.quote(whole)}"
    return f"{word}: expected NAME=VALUE, such as model=cnn3"


def is_mapping(value: str) -> bool:
    """Whether a value may be a mapping: in braces or quotes, an interpolation, a function of a sweep, null or empty."""
    return value in ("", "null") or value[0] in "{'\"" or "${" in value or SWEPT.fullmatch(value) is not None


def as_typed(word: str, multirun: bool = False) -> str:
    """Returns a word in the form that Hydra reads as it was typed; words without a path are unchanged."""
    key, equals, text = word.partition("=")
    name = options.name_of(word)
    if equals and name in options.GROUPS and any(is_none(name, part) for part in text.split(",")):
        return f"{key}={','.join(options.row(name).none if is_none(name, part) else part for part in text.split(','))}"
    if equals and options.row(name).anywhere and not word.startswith(("+", "~")):
        key = f"++{key}"
        word = f"++{word}"
    if equals and options.row(name).text and text[:1] != "[":
        return f"{key}={quoted(unquoted(text))}" if text not in ("", "null") else word
    if not equals or key.startswith("~") or not options.is_place(name):
        return word
    if multirun and SWEPT.fullmatch(text):
        return word
    pieces = list(split(text)) if multirun else [text]
    return f"{key}={','.join(value_of(name, part) for part in pieces)}"


def is_none(group: str, text: str) -> bool:
    """Whether a group's value, such as null or false, asks for the choice that leaves the group out."""
    return bool(options.row(group).none) and NOTHING.fullmatch(text) is not None


def value_of(name: str, text: str) -> str:
    """Returns one value of a path option for Hydra: null, a list of paths, or a path.

    An option that loads something, such as `model.pretrained`, may also be true or false.
    """
    if text == "null" or (options.row(name).anywhere and text in ("true", "false")):
        return text
    if options.row(name).many and text[:1] == "[" and text[-1:] == "]":
        return f"[{','.join(path_of(name, part.strip()) for part in split(text[1:-1]))}]"
    return path_of(name, text)


def path_of(name: str, text: str) -> str:
    """Returns a single path for Hydra, its `~` and `latest` expanded. Raises UserError for an empty one."""
    text = unquoted(text)
    if not text.strip():
        raise UserError(f"{name} is empty; give it a path, or leave it out (is a shell variable unset?)")
    if options.row(name).run and text == places.LATEST:
        return quoted(str(places.latest()))
    return quoted(os.path.expanduser(text))


def assigned(name: str, path: str | Path) -> str:
    """Returns `resume=runs/a` to type; paths with a special meaning get `./` in front, such as `./latest`."""
    text = str(path)
    special = text in ("null", places.LATEST) or text.startswith(("~", "'", '"', "["))
    return f"{name}=./{text}" if special else f"{name}={text}"


def config_dir(arguments: Sequence[str]) -> str | None:
    """Returns the folder that --config-dir names in the arguments; None without one."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        flag, equals, value = word.partition("=")
        if flag in CONFIG_DIR:
            return value if equals else following
    return None


def command(module: str, overrides: Sequence[str], config_dir: str | None = None) -> str:
    """Returns a command line to type, with quotes where bash or zsh need them."""
    folder = [f"--config-dir={config_dir}"] if config_dir else []
    return shlex.join(["python", "-m", module, *folder, *overrides])


def hyperparameters(command: str) -> dict[str, str]:
    """Returns the options in a command line that name a run, by dotted name, with their values as typed."""
    assignments = [word.lstrip("+~") for word in shlex.split(command) if "=" in word and not word.startswith("-")]
    values = dict(word.split("=", 1) for word in assignments)
    return {
        name: value
        for name, value in values.items()
        if name != "experiment" and options.names_runs(options.name_of(name))
    }
