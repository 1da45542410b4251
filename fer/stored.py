"""Stores the records of a study's runs in one file beside its report: runs.jsonl.gz, a run a line."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from fer import runs
from fer.errors import UserError
from fer.files import atomic

NAME = "runs.jsonl.gz"
LOOSE = "*-seed-*.json"
"""Records as earlier versions stored them: a file each."""


def read(place: Path) -> dict[str, dict[str, Any]]:
    """`<name>-seed-<n>`, which is also the stem of the run's predictions -> its record; empty where none is stored.

    Also reads records that earlier versions stored in separate files (LOOSE), and reports damaged ones on stderr.
    Raises UserError if runs.jsonl.gz is damaged.
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
    """Writes all records, sorted by name; the same records give the same bytes. Loose ones are in it, and deleted."""
    lines = [json.dumps({"run": name, "record": records[name]}, default=float) for name in sorted(records)]
    with atomic(place / NAME, "wb") as file:
        file.write(gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0))
    for loose in place.glob(LOOSE):
        loose.unlink()
