"""Reads the records of runs, and stores them beside a report without machine paths."""

import gzip
import re
import shlex
import zlib
from pathlib import Path
from typing import Any

import pandas as pd

from fer import naming, options, stored
from fer import runs as run_folders
from fer.errors import UserError
from fer.files import atomic
from fer.studies import history

Run = dict[str, Any]
"""The content of a metrics.json, with the run's `name` and its `predictions` file."""

PLACES = options.PLACE_KEYS | {"path", "checkpoint"}
"""Keys of metrics.json whose text or list of texts names places."""
ABSOLUTE = re.compile(r"(?<![\w.>])(?:~[\w-]*|[A-Za-z]:)?[/\\][^\s'\",;()\[\]{}]+")
SEED = re.compile(r"seed-\d+(-\d+)?")
NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)")
PREDICTED = ["split", "id", "true", "predicted"]
CLAIM = ["study", "figure", "value", "note"]


def read_runs(folder: Path) -> list[Run]:
    """Every run below `folder`, those that differ in their seed alone under one name.

    Of runs that were repeated the last one that finished counts, or else the last.
    """
    paths = sorted(folder.glob("**/metrics.json"), key=lambda path: path.parent.stat().st_mtime)
    runs = [_read(path, _name(path.parent.relative_to(folder))) for path in paths]
    return _ordered(_named(_once([run for run in runs if run])))


def store(runs: list[Run], place: Path) -> None:
    """Adds runs to `place`: records to runs.jsonl.gz and, of finished runs, `<name>-seed-<n>.csv.gz`.

    The same runs give the same bytes. A run that did not finish leaves what is stored of it alone.
    """
    place.mkdir(parents=True, exist_ok=True)
    records = stored.read(place)
    _forget_names(runs, records, place)
    for run in runs:
        name = _stem(run)
        if run["status"] == "finished":
            try:
                table = read_predictions(run).round(4)
            except UserError as error:
                run_folders.say_once(f"{error}; left out")
                continue
            with atomic(_predictions(place, name), "wb") as file:
                file.write(gzip.compress(table.to_csv(index=False).encode(), mtime=0))  # the same rows, the same bytes
        elif name in records:
            continue
        record = {key: value for key, value in run.items() if key not in ("name", "predictions")}
        record["curves"] = history.read(run["predictions"].with_name("metrics.csv"))
        records[name] = without_places(record)
    if records:
        stored.write(place, records)


def read_stored(place: Path) -> list[Run]:
    """What `store` wrote into `place`."""
    runs = [
        _run(record, place / stored.NAME, name.rpartition("-seed-")[0], _predictions(place, name))
        for name, record in stored.read(place).items()
    ]
    return _ordered(_named(_once([run for run in runs if run])))


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
    return shlex.join(ABSOLUTE.sub("PATH", _typed_place(word)) for word in shlex.split(command))


def _typed_place(word: str) -> str:
    """`data.root=PATH` for any place; other words as they are."""
    key, equals, _ = word.partition("=")
    return f"{key}=PATH" if equals and (key == "--config-dir" or options.is_place(options.name_of(word))) else word


def _stem(run: Run) -> str:
    return f"{run['name']}-seed-{run['config']['seed']}"


def _predictions(place: Path, name: str) -> Path:
    return place / f"{name}.csv.gz"


def _forget_names(runs: list[Run], records: dict[str, dict[str, Any]], place: Path) -> None:
    """Drops what is stored of these very runs under another name, as of before there was another run beside them."""
    names = {run.get("identity"): _stem(run) for run in runs}
    for name, record in list(records.items()):
        identity = record.get("identity")
        if identity and name != names.get(identity, name):
            del records[name]
            _predictions(place, name).unlink(missing_ok=True)


def _once(runs: list[Run]) -> list[Run]:
    """Of runs with the same identity the last one that finished, or else the last."""
    ordered = sorted(runs, key=lambda run: run["status"] == "finished")
    return list({run.get("identity") or (run["name"], run["config"]["seed"]): run for run in ordered}.values())


def _named(runs: list[Run]) -> list[Run]:
    """The runs, each with the name of its configuration: one for all its seeds, and for no other configuration."""
    settings: dict[str, list[Run]] = {}
    for run in runs:
        settings.setdefault(run_folders.setting(run), []).append(run)
    names = {setting: some[-1]["name"] for setting, some in settings.items()}
    for name in set(names.values()):
        alike = [setting for setting, other in names.items() if other == name]
        if len(alike) > 1:
            titles = naming.names([_overrides(settings[setting][-1]) for setting in alike])
            unique = len(set(titles)) == len(titles)
            for setting, title in zip(alike, titles, strict=True):
                names[setting] = f"{name}_{title}" if unique else f"{name}-{setting[:8]}"
    for setting, some in settings.items():
        for run in some:
            run["name"] = names[setting]
    return runs


def _overrides(run: Run) -> list[str]:
    """What was typed for a run."""
    return [word for word in shlex.split(run.get("command") or "")[3:] if not word.startswith("-")]


def _read(path: Path, name: str) -> Run | None:
    """The run with a metrics.json; None, and a line on stderr, where it is damaged."""
    fix = f"; python -m fer.train resume={path.parent} rewrites it"
    try:
        record = run_folders.parsed(path)
    except UserError as error:
        run_folders.say_once(f"{error}, left out{fix}")
        return None
    return _run(record, path, name, path.with_name(run_folders.PREDICTIONS), fix)


def _run(record: dict[str, Any], path: Path, name: str, predictions: Path, fix: str = "") -> Run | None:
    """The record as a run; None, and a line on stderr, where it is damaged."""
    try:
        run_folders.require(record, path, status=str, config=dict, data=dict)
        run_folders.require(record["config"], path, seed=int)
    except UserError as error:
        run_folders.say_once(f"{error}, left out{fix}")
        return None
    return {"name": name, "predictions": predictions, **record}


def _name(folder: Path) -> str:
    """`optimizer-adam` for optimizer-adam/seed-0; folders inside folders are joined by commas."""
    parts = folder.parts[:-1] if folder.parts and SEED.fullmatch(folder.parts[-1]) else folder.parts
    return ",".join(parts) or "defaults"


def _ordered(runs: Any) -> list[Run]:
    return sorted(runs, key=lambda run: (_natural(run["name"]), run["config"]["seed"]))


def _natural(name: str) -> list[str | float]:
    """A sort key by which numbers inside a name count by size: 8 before 16, 1e-05 before 0.001."""
    return [float(part) if index % 2 else part for index, part in enumerate(NUMBER.split(name))]
