"""Refuses words of a command line that Hydra would misread or that this project replaces, and says what to type."""

import re
import shlex
from collections.abc import Sequence

from fer import option_table, options
from fer.errors import UserError
from fer.hints import ALIASES

SWEPT = re.compile(r"(choice|range|glob|shuffle|sort|tag)\(.*\)", re.DOTALL)
FLAG = re.compile(
    "--(cfg|config-dir|experimental-rerun|help|hydra-help|info|multirun|package|resolve|run|shell-completion|version)?"
    "|-(c|cd|h|i|m|p|r|sc)"
)
"""Flags of Hydra, without those that `check_flags` answers."""
TARGET_KEY = "_target_"
NOTHING = re.compile(r"null|none|false|\[\]", re.IGNORECASE)
NO_NAME = re.compile(r"null|true|false|\[\]|[-+]?[0-9.]+(e[-+]?[0-9]+)?", re.IGNORECASE)
OTHERS = {
    "hydra/launcher": "runs of a sweep are started by launcher=parallel or launcher=slurm",
    "hydra/sweeper": "python -m fer.search searches options, with Optuna",
    "hydra.run.dir": "output_dir=FOLDER names a run's folder",
    "hydra.sweep.dir": "study=NAME names the folder of a sweep, in ./runs",
    "hydra.job.chdir": "a run never changes the current folder",
}
"""Options of Hydra -> what to use here instead."""
LAUNCHED = 'hydra.run.dir="."'
"""What Lightning adds to the command lines of the other processes of a distributed run; it is the default."""
REMOVABLE = ("model", "loss", "optimizer", "scheduler", "augment", "callbacks", "logger", "sampler", "pruner", "search")
"""Groups whose keys `~` may remove: arguments with defaults, callbacks, loggers, transforms, dimensions of a space."""


def check_flags(arguments: Sequence[str], name: str) -> None:
    """Raises UserError for flags that would make one command another one. name: the command's, such as "train"."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if word.partition("=")[0] in ("--config-name", "-cn", "--config-path", "-cp"):
            command = f"python -m fer.{name}"
            raise UserError(
                f"{word}: {command} has one config; choices of your own come from --config-dir FOLDER, and each other "
                "config is a command, such as python -m fer.search"
            )
        if word.startswith("-") and not FLAG.fullmatch(word.partition("=")[0]):
            raise UserError(unknown_flag(word, following))
        if word.partition("=")[0] == "--experimental-rerun":
            raise UserError(f"{word}: a run goes on with resume=RUN, and its config.yaml holds all options")
        if word == "--resolve" and not any(other.partition("=")[0] in ("--cfg", "-c") for other in arguments):
            raise UserError("--resolve shows values in place of references; it goes with --cfg job")


def unknown_flag(word: str, following: str) -> str:
    """Returns the error for an option typed as a flag, `--epochs 3` or `--epochs=3`."""
    flag, equals, value = word.partition("=")
    name = flag.lstrip("-").replace("-", "_")
    value = value if equals else following if following and following[0] not in "-+~" and "=" not in following else ""
    example = f"{ALIASES.get(name, name)}={value or 'VALUE'}" if len(name) > 1 else "model=cnn3"
    return f"{word}: options are typed without dashes, NAME=VALUE, such as {example}"


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
    if name in OTHERS and word != LAUNCHED:
        raise UserError(f"{word}: {OTHERS[name]}; leave this option out")
    if value.startswith("interval("):
        raise UserError(f"{word}: a sweep lists its values, as in {name}=A,B; python -m fer.search draws from a range")
    if name in options.GROUPS and name != "experiment":
        parts = [value] if value[:1] in ("{", "[") else value.split(",")
        if value[:1] == "[" and TARGET_KEY in value:
            raise UserError(f"{word}: a list holds names; a part is a mapping: '+{name}.NAME={{{TARGET_KEY}: …}}'")
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
    if name.partition(".")[0] not in REMOVABLE and options.top_row(name) is not option_table.UNKNOWN:
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


def is_none(group: str, text: str) -> bool:
    """Whether a group's value, such as null or false, asks for the choice that leaves the group out."""
    return bool(options.row(group).none) and NOTHING.fullmatch(text) is not None
