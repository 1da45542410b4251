"""Reads and writes the stored records of a study's runs: runs.jsonl.gz, one line for each run."""

import gzip
import json
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from fer import runs
from fer.errors import UserError
from fer.files import write_gzip

NAME = "runs.jsonl.gz"
LOOSE = "*-seed-*.json"
"""Records as earlier versions stored them: a file each."""


def read(place: Path) -> dict[str, dict[str, Any]]:
    """Returns the stored records by `<name>-seed-<n>`; empty where nothing is stored.

    Records that earlier versions stored in separate files (LOOSE) are read as well; damaged ones are reported on
    stderr. Raises UserError if runs.jsonl.gz is damaged.
    """
    records = {}
    path = place / NAME
    if path.exists():
        try:
            for line in gzip.decompress(path.read_bytes()).decode().splitlines():
                entry = json.loads(line)
                records[entry["run"]] = dict(entry["record"])
        except (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error) as error:
            raise UserError(f"{path}: {runs.damage(error)}; take it from git again, or delete it") from error
    for loose in sorted(place.glob(LOOSE)):
        try:
            records[loose.stem] = runs.parsed(loose)
        except UserError as error:
            runs.say_once(f"{error}, left out")
    return records


def write(place: Path, records: dict[str, dict[str, Any]]) -> None:
    """Writes all records, sorted by name, and deletes the separate files of earlier versions.

    The same records give the same bytes.
    """
    lines = [json.dumps({"run": name, "record": records[name]}, default=float) for name in sorted(records)]
    write_gzip(place / NAME, "".join(f"{line}\n" for line in lines))
    for loose in place.glob(LOOSE):
        loose.unlink()


def remove(place: Path) -> None:
    """Removes all records, and the folder if nothing else lies in it."""
    for path in [*place.glob(NAME), *place.glob(LOOSE)]:
        path.unlink()
    with suppress(OSError):
        place.rmdir()
