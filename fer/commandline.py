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

from fer import options, places, refusals
from fer.errors import UserError
from fer.quoting import quoted, split, unquoted

MULTIRUN = ("-m", "--multirun", "hydra.mode=MULTIRUN")
SHOWING = ("--cfg", "-c", "--info", "-i")
"""Flags of Hydra that show a config instead of running it."""
VALUED = {"--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--package", "-p", "--cfg", "-c"}
VALUED |= {"--experimental-rerun", "--info", "-i"}
"""Flags of Hydra whose value is the next word; --info may stand without one."""
CONFIG_DIR = ("--config-dir", "-cd")
PARTS = ("augment", "callbacks", "logger")
"""Groups of named parts, of which NAME=null and NAME=false leave one out."""
OPTION = re.compile(r"[+~]*[A-Za-z_][\w.@/]*=")


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
            refusals.check(word, before)
            overrides.append(as_typed(word, multirun))
        before = word
    return overrides + flags  # argparse takes no flag between overrides, and --info would take one as its value


def changes_nothing(word: str) -> bool:
    """Whether a word asks for no experiment, which is the default and which Hydra cannot read."""
    key, _, value = word.partition("=")
    return key == "experiment" and refusals.NOTHING.fullmatch(value) is not None


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


def is_option(word: str) -> bool:
    """Whether a word after a flag of Hydra is the next option rather than the flag's value."""
    return word.startswith("-") or OPTION.match(word) is not None


def folder(flag: str, value: str) -> str:
    """Returns the value of a flag; `~` in the path of --config-dir is expanded."""
    return str(places.typed(value)) if flag in CONFIG_DIR else value


def as_typed(word: str, multirun: bool = False) -> str:
    """Returns a word in the form that Hydra reads as it was typed; words without a path are unchanged."""
    key, equals, text = word.partition("=")
    name = options.name_of(word)
    if equals and name in options.GROUPS and any(refusals.is_none(name, part) for part in text.split(",")):
        none = options.row(name).none
        return f"{key}={','.join(none if refusals.is_none(name, part) else part for part in text.split(','))}"
    if equals and text.lower() == "false" and name.rpartition(".")[0] in PARTS:
        return f"{key}=null"
    if equals and options.row(name).anywhere and not word.startswith(("+", "~")):
        key = f"++{key}"
        word = f"++{word}"
    if equals and options.row(name).text and text[:1] != "[":
        return f"{key}={quoted(unquoted(text))}" if text not in ("", "null") else word
    if not equals or key.startswith("~") or not options.is_place(name):
        return word
    if multirun and refusals.SWEPT.fullmatch(text):
        return word
    pieces = list(split(text)) if multirun else [text]
    return f"{key}={','.join(value_of(name, part) for part in pieces)}"


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
