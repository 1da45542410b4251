"""Short and unique names of the inputs of `fer.evaluate`."""

from collections.abc import Sequence
from pathlib import Path

from fer.errors import UserError
from fer.shipped import WEIGHTS

ENDINGS = (".csv.gz", ".csv", ".ckpt", ".pt")
COMMON_PARTS = ("predictions", "checkpoints")
"""Names of files and folders that every run has."""


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Returns a name for each input: as few trailing parts of its path as distinguish all inputs.

    Raises UserError if a path occurs twice.
    """
    seen = set()
    for path in paths:
        if path.absolute() in seen:
            raise UserError(f"{path} is given twice; leave one out")
        seen.add(path.absolute())
    parts_by_path = {path: distinctive_parts(path) for path in paths}
    for depth in range(1, max(map(len, parts_by_path.values())) + 1):
        names = ["/".join(parts[-max(depth, minimum_depth(path)) :]) for path, parts in parts_by_path.items()]
        if len(set(names)) == len(paths):
            return names
    return [str(path) for path in paths]


def minimum_depth(path: Path) -> int:
    """Returns 1 for a shipped network, 2 for a stored table, named by study and file, and 3 for a run.

    Runs are named by study, options and seed.
    """
    if is_shipped(path):
        return 1
    is_table = path.name.endswith((".csv", ".csv.gz"))
    return 2 if is_table and path.name.split(".")[0] != "predictions" else 3


def is_shipped(path: Path) -> bool:
    return path.absolute().parent == WEIGHTS


def as_typed(path: Path) -> str:
    """Returns what names an input on the command line: the name of a shipped network, or the path."""
    return path.stem if is_shipped(path) else str(path)


def distinctive_parts(path: Path) -> list[str]:
    """Returns the parts of the path without endings and without names that every run has."""
    *folders, last = path.absolute().parts[1:]
    for ending in ENDINGS:
        last = last.removesuffix(ending)
    return [part for part in (*folders, last) if part not in COMMON_PARTS] or [last]


def from_here(path: str) -> str:
    """Returns a path below the current folder without that folder, so that a report tells nothing about the machine."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path
