"""Reads the records of a study's runs, from their folders or from experiments/, and stores them there."""

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer import confusion, stored
from fer import runs as run_folders
from fer.errors import UserError
from fer.files import write_gzip
from fer.studies import history
from fer.studies.redaction import without_paths
from fer.studies.run_names import Run, in_order, latest, named

SEED = re.compile(r"seed-\d+(-\d+)?")
PREDICTION_COLUMNS = ["split", "id", "true", "predicted"]


def read_runs(folder: Path) -> list[Run]:
    """Returns the runs below `folder`; those that differ only in their seed have the same name.

    Of a run that was repeated, the last finished start counts, or the last one if none finished.
    """
    paths = sorted(folder.glob("**/metrics.json"), key=lambda path: path.parent.stat().st_mtime)
    runs = [_read(path, _folder_name(path.parent.relative_to(folder))) for path in paths]
    return _prepare(runs)


def read_stored(place: Path, study: str = "") -> list[Run]:
    """Returns the runs that `store` wrote into `place`; of several studies there, those of `study`."""
    start = _start(study)
    runs = [
        _checked(record, place / stored.NAME, _run_name(name, start), _predictions_file(place, name))
        for name, record in _records(place, study).items()
        if name.startswith(start)
    ]
    return _prepare(runs)


def store(runs: list[Run], place: Path, study: str = "", with_predictions: bool = False) -> None:
    """Adds the records of runs to runs.jsonl.gz in `place`; a run that did not finish keeps its stored record.

    study: the study of the runs, where `place` holds several: its name precedes theirs, with a comma. Each record of a
    finished run gets its learning curves and the confusion counts of each held-out split. with_predictions: whether
    the predictions of each configuration's first seed are stored as `<name>-seed-<n>.csv.gz`. The same runs give the
    same bytes.
    """
    place.mkdir(parents=True, exist_ok=True)
    records = _records(place, study)
    _forget_former_names(runs, records, place, _start(study))
    first_seeds = {run["name"]: run["config"]["seed"] for run in reversed(in_order(runs))}
    for run in runs:
        name, is_finished = _stored_name(run, _start(study)), run["status"] == "finished"
        if not is_finished and name in records:
            continue
        record = {key: value for key, value in run.items() if key not in ("name", "predictions")}
        record["curves"] = history.read(run["predictions"].with_name(run_folders.HISTORY))
        if is_finished:
            try:
                table = read_predictions(run)
            except UserError as error:
                run_folders.say_once(f"{error}; left out")
                continue
            record["confusion"] = confusion_counts(table)
            if with_predictions and run["config"]["seed"] == first_seeds[run["name"]]:
                write_gzip(_predictions_file(place, name), table.round(4).to_csv(index=False))
        records[name] = without_paths(record)
    if records:
        stored.write(place, records)
        if study:
            _move_predictions(place, study)
            stored.remove(place / study)


def confusion_counts(table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Returns of each split the classes and the (C, C) counts of predictions, rows = true class."""
    classes = [name for name in table if name not in PREDICTION_COLUMNS]
    code = pd.Index(classes)
    return {
        str(split): {
            "classes": classes,
            "counts": confusion.count(
                code.get_indexer(pd.Index(part["true"])), code.get_indexer(pd.Index(part["predicted"])), len(classes)
            ).tolist(),
        }
        for split, part in table.groupby("split", sort=False)
    }


def total_confusion(runs: Iterable[Run], split: str) -> tuple[list[str], np.ndarray] | None:
    """Returns classes and summed confusion counts of runs with the same classes; None where no run has any."""
    parts = [run["confusion"][split] for run in runs if split in run.get("confusion", {})]
    if not parts:
        return None
    return parts[0]["classes"], np.sum([part["counts"] for part in parts], axis=0)


def read_predictions(run: Run) -> pd.DataFrame:
    """Returns the run's predictions: split, id, true, predicted and one probability for each class."""
    path = run["predictions"]
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys(("id", "true", "predicted"), str), na_filter=True)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: cannot be read, {run_folders.damage(error)}; train the run again") from error
    if list(table.columns[:4]) != PREDICTION_COLUMNS or table[table.columns[4:]].isna().any(axis=None):
        raise UserError(f"{path}: cannot be read, damaged (rows or columns are missing); train the run again")
    return table


def _prepare(runs: Iterable[Run | None]) -> list[Run]:
    return in_order(named(latest([run for run in runs if run])))


def _read(path: Path, name: str) -> Run | None:
    """Returns the run with a metrics.json; None where it is damaged, which is printed on stderr."""
    fix = f"; python -m fer.train resume={path.parent} rewrites it"
    try:
        record = run_folders.parsed(path)
    except UserError as error:
        run_folders.say_once(f"{error}, left out{fix}")
        return None
    return _checked(record, path, name, path.with_name(run_folders.PREDICTIONS), fix)


def _checked(record: dict[str, Any], path: Path, name: str, predictions: Path, fix: str = "") -> Run | None:
    """Returns the record as a run; None where it is damaged, which is printed on stderr."""
    try:
        run_folders.require(record, path, status=str, config=dict, data=dict)
        run_folders.require(record["config"], path, seed=int)
    except UserError as error:
        run_folders.say_once(f"{error}, left out{fix}")
        return None
    return {"name": name, "predictions": predictions, **record}


def _folder_name(folder: Path) -> str:
    """Returns `optimizer-adam` for optimizer-adam/seed-0; the names of nested folders are joined by commas."""
    parts = folder.parts
    if parts and SEED.fullmatch(parts[-1]):
        parts = parts[:-1]
    return ",".join(parts) or "defaults"


def _records(place: Path, study: str) -> dict[str, dict[str, Any]]:
    """Returns the records in `place` by name, and those in its folder `study`, where earlier versions stored them."""
    records = stored.read(place)
    if not study:
        return records
    return {f"{_start(study)}{name}": record for name, record in stored.read(place / study).items()} | records


def _start(study: str) -> str:
    """Returns what precedes the names of the runs of a study, where several are stored together."""
    return f"{study},".replace("/", ",") if study else ""


def _run_name(name: str, start: str) -> str:
    """Returns `adam` for `study,adam-seed-0`, where `start` is `study,`."""
    return name.removeprefix(start).rpartition("-seed-")[0]


def _stored_name(run: Run, start: str) -> str:
    return f"{start}{run['name']}-seed-{run['config']['seed']}"


def _predictions_file(place: Path, name: str) -> Path:
    return place / f"{name}.csv.gz"


def _move_predictions(place: Path, study: str) -> None:
    """Moves the predictions in a study's own folder, as earlier versions stored them, beside the records."""
    for path in (place / study).glob("*-seed-*.csv.gz"):
        path.replace(_predictions_file(place, f"{_start(study)}{path.name.removesuffix('.csv.gz')}"))


def _forget_former_names(runs: list[Run], records: dict[str, dict[str, Any]], place: Path, start: str) -> None:
    """Removes stored records of these runs under other names: a name changes when the study gets further runs."""
    names = {run.get("identity"): _stored_name(run, start) for run in runs}
    for name, record in list(records.items()):
        identity = record.get("identity")
        if identity and name.startswith(start) and name != names.get(identity, name):
            del records[name]
            _predictions_file(place, name).unlink(missing_ok=True)
