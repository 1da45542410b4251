"""Numbers that commands take as options: argparse says in one line what is wrong with one."""

from argparse import ArgumentTypeError
from math import inf


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
        raise ArgumentTypeError(f"{text}: expected a whole number from 1 on")
    return value
