"""Short and unique names of the inputs of `fer.evaluate`."""

from collections.abc import Sequence
from pathlib import Path

from fer.errors import UserError

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
    """Returns 2 for a stored table, named by study and file; 3 for a run, named by study, options and seed."""
    is_table = path.name.endswith((".csv", ".csv.gz"))
    return 2 if is_table and path.name.split(".")[0] != "predictions" else 3


def distinctive_parts(path: Path) -> list[str]:
    """Returns the parts of the path without endings and without names that every run has."""
    *folders, last = path.absolute().parts[1:]
    for ending in ENDINGS:
        last = last.removesuffix(ending)
    return [part for part in (*folders, last) if part not in COMMON_PARTS] or [last]
