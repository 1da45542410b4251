"""Names the folder of a run, such as `cnn3_sgd_lr0.05`.

A name is a function of the overrides of a command and, in a sweep, of all its jobs. It consists of ASCII letters,
digits, `_`, `.` and `-`, so no shell and no grammar touches it. Runs are found by their identity, never by their name.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from fer import options

DEFAULTS = "defaults"
LONGEST = 120
OUT = "~"
Part = tuple[str, str]
"""A value in letters that a name may have, OUT for an option that is taken out; and the value as it is."""
Parts = dict[str, Part]
"""The options that name a run."""


def run_name(overrides: Iterable[str]) -> str:
    """Returns the name of the single run that these overrides start."""
    return names([list(overrides)])[0]


def names(jobs: Sequence[Sequence[str]]) -> list[str]:
    """Returns a name for each job of a sweep, made of the options in which the jobs differ.

    For one job, or where only seeds differ, all options that were set are used. A group choice appears as its value;
    another option as the last part of its name and its value, or with its whole name where two options share that last
    part. Paths, the study, the seed and options that only start a run are left out.
    """
    everything = [parts_of(tuple(job)) for job in jobs]
    keys = sorted({key for parts in everything for key in parts}, key=lambda key: (key not in options.GROUPS, key))
    differing = [key for key in keys if len({parts.get(key) for parts in everything}) > 1] or keys
    leaves = [leaf(key) for key in differing]
    titles = {key: key if leaves.count(leaf(key)) > 1 else leaf(key) for key in differing}
    chosen = [{key: parts[key] for key in differing if key in parts} for parts in everything]
    found = [fit("_".join(piece(key, titles[key], parts) for key in parts)) for parts in chosen]
    return [distinct(name, parts, found, chosen) for name, parts in zip(found, chosen, strict=True)]


def distinct(name: str, parts: Parts, found: list[str], chosen: list[Parts]) -> str:
    """Returns `name`, with a hash of the options where other options have the same name."""
    alike = [other for other, theirs in zip(chosen, found, strict=True) if theirs == name]
    return name if all(other == parts for other in alike) else f"{name}-{digest(repr(sorted(parts.items())))}"


@lru_cache(maxsize=4096)
def parts_of(overrides: tuple[str, ...]) -> Parts:
    """The options that name a run, each with its last value."""
    typed = {options.name_of(override): override for override in overrides}
    named = {key: text for key, text in typed.items() if options.names_runs(key)}
    if "study" not in typed:
        named.pop("experiment", None)  # its study is the folder above
    return {key: part_of(text) for key, text in named.items()}


def leaf(key: str) -> str:
    return key.rpartition(".")[2]


def piece(key: str, title: str, parts: Parts) -> str:
    """One option in a name: `cnn3`, `lr0.05`, `activation-relu`, `no-early_stopping`."""
    value, _ = parts[key]
    if value == OUT:
        return f"no-{title}"
    values = [other for other, _ in parts.values()]
    if key in options.GROUPS and value != "none" and values.count(value) == 1:
        return value
    return joined(title, value)


def joined(title: str, value: str) -> str:
    """`lr0.05`, and `activation-relu` and `T_0-10`, where a reader would not see where the value begins."""
    return f"{title}{value}" if title[-1:].isalpha() and value[:1].isdigit() else f"{title}-{value}"


def part_of(override: str) -> Part:
    """The value of an override."""
    text = override.partition("=")[2]
    try:
        parsed = parser().parse_override(override)
    except HydraException:
        return clean(text), text
    if parsed.is_delete():
        return OUT, OUT
    value = text if parsed.is_sweep_override() else parsed.value()
    return clean(words(value)), repr(value)


@lru_cache(maxsize=1)
def parser() -> OverridesParser:
    return OverridesParser.create()


def words(value: Any, depth: int = 0) -> str:
    """A value as text: lists joined by `-`, lists in them by `.`; of a mapping its keys and values."""
    if isinstance(value, dict):
        target = [words(value["_target_"]).rpartition(".")[2]] if "_target_" in value else []
        rest = [joined(str(key), words(item, depth + 1)) for key, item in value.items() if key != "_target_"]
        return "-".join([*target, *rest])
    if isinstance(value, list | tuple):
        return ("-" if depth == 0 else ".").join(words(item, depth + 1) for item in value)
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return re.sub(r"(?<=\d)e\+", "e", str(value)) if isinstance(value, float) else str(value)


def clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "empty"


def fit(name: str) -> str:
    """The name, shortened where it is too long for a folder; `defaults` for none."""
    name = name.strip("-.") or DEFAULTS
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 9].rstrip('-._')}-{digest(name)}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
