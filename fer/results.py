"""What runs leave behind: read from runs/, stored beside a report without the places of this machine, read again."""

import re
import shlex
import zlib
from pathlib import Path
from typing import Any

import pandas as pd

from fer import runs as run_folders
from fer.errors import UserError
from fer.files import atomic
from fer.studies import history

Run = dict[str, Any]
"""The content of a metrics.json, with the run's `name` and its `predictions` file."""

PLACES = ("root", "held_out", "path", "output_dir", "save_dir", "dirpath", "default_root_dir", "checkpoint", "resume")
"""Keys of metrics.json whose text or list of texts names places."""
TYPED_PLACE = re.compile(r"(\+*(?:data\.root|data\.held_out|output_dir|resume))=.*", re.DOTALL)
ABSOLUTE = re.compile(r"(?<![\w.>])(?:~[\w-]*|[A-Za-z]:)?[/\\][^\s'\",;()\[\]{}]+")
SEED = re.compile(r"seed-\d+(-\d+)?")
NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
PREDICTED = ["split", "id", "true", "predicted"]
CLAIM = ["study", "figure", "value", "note"]


def read_runs(folder: Path) -> list[Run]:
    """Every run below `folder`, named by what differs, without the seed.

    Of runs that were repeated (`seed-0`, `seed-0-2`) the last one that finished counts, or else the last.
    """
    paths = sorted(folder.glob("**/metrics.json"), key=lambda path: path.parent.stat().st_mtime)
    found = [
        run
        for path in paths
        if (run := _run(path, _name(path.parent.relative_to(folder)), path.with_name(run_folders.PREDICTIONS)))
    ]
    found.sort(key=lambda run: run["status"] == "finished")
    return _ordered({(run["name"], run["config"]["seed"]): run for run in found}.values())


def store(runs: list[Run], place: Path) -> None:
    """Writes `<name>-seed-<n>.json` and, of finished runs, `.csv.gz` into `place`; the same runs give the same bytes.

    A run that did not finish leaves what is stored alone.
    """
    place.mkdir(parents=True, exist_ok=True)
    for run in runs:
        path = place / f"{run['name']}-seed-{run['config']['seed']}.json"
        if run["status"] == "finished":
            try:
                table = read_predictions(run).round(4)
            except UserError as error:
                run_folders.say_once(f"{error}; left out")
                continue
            with atomic(_predictions(path), "wb") as file:
                table.to_csv(file, index=False, compression={"method": "gzip", "mtime": 0})
        elif path.exists():
            continue
        record = {key: value for key, value in run.items() if key not in ("name", "predictions")}
        record["curves"] = history.read(run["predictions"].with_name("metrics.csv"))
        run_folders.write_json(path, without_places(record))


def read_stored(place: Path) -> list[Run]:
    """What `store` wrote into `place`."""
    paths = place.glob("*-seed-*.json")
    runs = [_run(path, path.stem.rpartition("-seed-")[0], _predictions(path)) for path in paths]
    return _ordered(run for run in runs if run)


def read_predictions(run: Run) -> pd.DataFrame:
    """split, id, true, predicted and one probability a class."""
    path = run["predictions"]
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(("id", "true", "predicted"), str))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read, {run_folders.damage(error)}; train the run again") from error
    if list(table.columns[:4]) != PREDICTED or table[table.columns[4:]].isna().any(axis=None):
        raise UserError(f"{path}: cannot be read, damaged (rows or columns are missing); train the run again")
    return table


def read_claims(path: Path) -> pd.DataFrame:
    """study, figure (as in metrics.json), value (percent, as it was written), note; empty where there is no file."""
    if not path.is_file():
        return pd.DataFrame(columns=CLAIM)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(table) != CLAIM:
        raise UserError(f"{path}: expected the columns {','.join(CLAIM)}, found {','.join(table)}")
    return table


def without_places(record: Run) -> Run:
    """The record with PATH wherever a folder of the machine stood."""
    root = record["config"]["data"].get("root") or []
    known = [*([root] if isinstance(root, str) else root), *record["data"].get("path", [])]
    known = sorted((place for place in known if re.search(r"[/\\]", place)), key=len, reverse=True)

    def clean(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: clean(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [clean(item, key) for item in value]
        if not value or not isinstance(value, str):
            return value
        if key in PLACES:
            return "PATH"
        if key == "command":
            return typed(value)
        for place in known:
            value = value.replace(place, "PATH")
        return ABSOLUTE.sub("PATH", value)

    return clean(record)


def typed(command: str) -> str:
    """A command line with PATH for the places in it."""
    return shlex.join(ABSOLUTE.sub("PATH", TYPED_PLACE.sub(r"\1=PATH", word)) for word in shlex.split(command))


def _run(path: Path, name: str, predictions: Path) -> Run | None:
    """None, and a line on stderr, for a damaged file."""
    try:
        record = run_folders.parsed(path)
        run_folders.require(record, path, status=str, config=dict, data=dict)
        run_folders.require(record["config"], path, seed=int)
    except UserError as error:
        fix = ""
        if path.name == run_folders.METRICS:
            fix = f"; python -m fer.train resume={path.parent} writes it anew"
        run_folders.say_once(f"{error}, left out{fix}")
        return None
    return {"name": name, "predictions": predictions, **record}


def _name(folder: Path) -> str:
    """`optimizer-adam` for optimizer-adam/seed-0; folders inside folders are joined by commas."""
    parts = folder.parts[:-1] if folder.parts and SEED.fullmatch(folder.parts[-1]) else folder.parts
    return ",".join(parts) or "defaults"


def _predictions(path: Path) -> Path:
    return path.with_suffix(".csv.gz")


def _ordered(runs: Any) -> list[Run]:
    return sorted(runs, key=lambda run: (_natural(run["name"]), run["config"]["seed"]))


def _natural(name: str) -> list[str | float]:
    """A sort key by which numbers inside a name count by size: 8 before 16, 1e-05 before 0.001."""
    return [float(part) if index % 2 else part for index, part in enumerate(NUMBER.split(name))]
