"""States where the figures of a study come from: commands, seeds, commits, versions and machines."""

import math
import shlex
from collections.abc import Iterable, Sequence

from fer.counting import counted
from fer.studies.factors import configuration_titles
from fer.studies.run_names import Run
from fer.studies.selection import Studies, configurations

TRAIN = ["python", "-m", "fer.train"]


def seeds(runs: list[Run]) -> str:
    """Returns the seeds of the runs, `0, 1, 2`."""
    return ", ".join(map(str, seeds_of(runs)))


def seeds_of(runs: list[Run]) -> list[int]:
    return sorted({run["config"]["seed"] for run in runs})


def named(noun: str, values: Sequence[object]) -> str:
    """Returns values after their noun: `seed 0`, `seeds 0, 1`."""
    return f"{noun if len(values) == 1 else f'{noun}s'} {', '.join(map(str, values))}"


def machine(run: Run) -> str:
    """Returns processors, threads and system of the run's machine in words."""
    parts = dict(run["hardware"])
    if parts.get("threads"):
        parts["threads"] = counted(parts["threads"], "thread")
    return ", ".join(str(value) for value in parts.values() if value)


def machine_letters(studies: Studies) -> dict[str, str]:
    """Returns machine -> A, B, …"""
    machines = dict.fromkeys(machine(run) for runs in studies.values() for run in runs)
    return {name: chr(ord("A") + index) for index, name in enumerate(machines)}


def commands(runs: Iterable[Run]) -> list[str]:
    """Returns the commands of the runs, each once; those of a whole grid as one command with -m."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for line in dict.fromkeys(run["command"] for run in runs if run.get("command")):
        names = tuple(word.partition("=")[0] for word in shlex.split(line))
        groups.setdefault(names, []).append(line)
    merged = []
    for lines in groups.values():
        sweep = as_sweep(lines)
        merged += [sweep] if sweep else lines
    return merged


def as_sweep(lines: list[str]) -> str | None:
    """Returns the command with -m that starts the same runs; None where the lines are not a whole grid.

    lines: command lines that set the same options in the same order.
    """
    words = [shlex.split(line) for line in lines]
    if len(lines) < 2 or any(line[:3] != TRAIN or not all("=" in word for word in line[3:]) for line in words):
        return None
    runs = [dict(word.split("=", 1) for word in line[3:]) for line in words]
    values = {name: list(dict.fromkeys(run[name] for run in runs)) for name in runs[0]}
    if math.prod(len(levels) for levels in values.values()) != len(lines):
        return None
    return shlex.join([*TRAIN, "-m", *(f"{name}={','.join(levels)}" for name, levels in values.items())])


def provenance(runs: list[Run]) -> str:
    """Returns seeds, commits, versions, precision, hardware and fingerprint of the runs in one line."""
    commits = sorted({str(run.get("commit")) for run in runs})
    libraries = sorted({f"torch {run['versions']['torch']}, lightning {run['versions']['lightning']}" for run in runs})
    precisions = sorted({run["resolved"]["precision"] for run in runs})
    machines = sorted({machine(run) for run in runs})
    fingerprints = sorted({run["data"]["fingerprint"] for run in runs})
    return (
        f"{named('Seed', seeds_of(runs))}; {named('commit', commits)}; {'; '.join(libraries)}; "
        f"{'; '.join(precisions)}; hardware: {'; '.join(machines)}. {named('Data fingerprint', fingerprints)}.\n"
    )


def provenance_by_machine(studies: Studies) -> str:
    """Returns a list with one line for each machine: the runs that it made, and their provenance."""
    lines, title = [], configuration_titles(studies)
    for name, letter in machine_letters(studies).items():
        made = {study: [run for run in runs if machine(run) == name] for study, runs in studies.items()}
        titles = [
            f"{title[study, run]} ({named('seed', seeds_of(group))})" for study, run, group in configurations(made)
        ]
        runs = [run for group in made.values() for run in group]
        lines.append(f"- {letter}: {'; '.join(titles)}. {provenance(runs)}")
    return "".join(lines)
