"""Argument types that several commands share: numbers, places, trusted modules."""

from argparse import Action, ArgumentParser, ArgumentTypeError, RawDescriptionHelpFormatter
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any, NoReturn

from fer import places, shipped, trust
from fer.errors import UserError


class Parser(ArgumentParser):
    """Parser of a command's options, which answers wrong ones in one line and keeps the lines of its description."""

    def __init__(self, **options: Any):
        super().__init__(formatter_class=RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; --help lists the options\n")


def share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text}: expected a number from 0 to 1")
    return value


def positive(text: str) -> float:
    value = float(text)
    if not 0 < value < inf:
        raise ArgumentTypeError(f"{text}: expected a number above 0, such as 1.1")
    return value


def whole(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ArgumentTypeError(f"{text}: expected a positive integer")
    return value


def place(option: str) -> Callable[[str], Path]:
    """A type for argparse: a path as typed, `~` expanded; UserError for an empty one, which names `option`."""
    return lambda text: given(option, text, places.typed)


def path(option: str) -> Callable[[str], str]:
    """As `place`, for what takes a path as text."""
    return lambda text: str(given(option, text, places.typed))


def run(option: str) -> Callable[[str], Path]:
    """A type for argparse: a run's folder or a file of it, `latest` for the newest run, or a shipped network's name."""
    return lambda text: given(option, text, lambda name: shipped.checkpoint_named(name) or places.run(name))


def network_or_run(option: str) -> Callable[[str], Path]:
    """As `run`, but the name of a shipped network stays a name, which `fer.prediction.network.load` looks up."""
    return lambda text: given(option, text, lambda name: Path(name) if shipped.is_name(name) else places.run(name))


def given(option: str, text: str, read: Callable[[str], Path]) -> Path:
    if not text.strip():
        raise UserError(f"{option} is empty; give it a path, or leave it out (is a shell variable unset?)")
    return read(text)


class Trust(Action):
    """Trusts the modules that were named for the rest of the process: see `fer.trust`."""

    def __call__(self, parser: ArgumentParser, namespace: Any, values: Any, option_string: str | None = None) -> None:
        trust.allow(values)


def again() -> str:
    """The option `--trust` as it was given, for the printed line of the next command; empty without it."""
    return f" --trust {','.join(sorted(trust.TRUSTED))}" if trust.TRUSTED else ""


def add_trust(parser: ArgumentParser) -> None:
    """The option `--trust`, for commands that load checkpoints."""
    about = "modules of your own that a checkpoint may name: mymodule, or several with commas"
    parser.add_argument("--trust", metavar="MODULES", action=Trust, help=about)
