"""Merges the opinions.csv of cross-fitted runs into one file for the whole training split."""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd

from fer import files, runs
from fer.data.folds import FOLD, parse_fold
from fer.errors import UserError
from fer.evaluation import predictions


def merge(folders: Sequence[Path], out: Path) -> pd.DataFrame:
    """Writes the opinions of runs with data.fold=1/n … n/n into `out`, a .csv or .csv.gz, and returns them.

    The table has a row for each training image, sorted by id: split, id, true, predicted, and one probability for each
    class. Raises UserError if a part or an image is missing or occurs twice, or if runs differ in data, labels or n.
    """
    if not out.name.endswith((".csv", ".csv.gz")):
        raise UserError(f"--merge {out}: expected the name of a .csv or .csv.gz file to write")
    records = {folder: finished_record(folder) for folder in folders}
    check_parts(records)
    check_same_data(records)
    tables = [read_opinions(folder, record) for folder, record in records.items()]
    table = pd.concat(tables, ignore_index=True).sort_values("id", kind="stable", ignore_index=True)
    repeated = table["id"].to_numpy()[table["id"].duplicated().to_numpy()]
    if len(repeated):
        raise UserError(
            f"--merge: {repeated[0]} occurs in several of the runs; each part must come from the same split"
        )
    expected = sum(sum(counts.values()) for counts in training_counts(records[folders[0]]))
    if len(table) != expected:
        raise UserError(
            f"--merge: {len(table):,} images in all, but the training split has {expected:,}; "
            "train all folds on the same data"
        )
    with suppress(OSError):  # files.atomic reports it
        out.parent.mkdir(parents=True, exist_ok=True)
    compression = {"method": "gzip", "mtime": 0} if out.name.endswith(".gz") else None
    with files.atomic(out, "w+b") as file:
        table.to_csv(file, index=False, float_format=predictions.DIGITS, compression=compression)
    return table


def finished_record(folder: Path) -> dict[str, Any]:
    """Returns the metrics.json of a finished run with data.fold; raises UserError for anything else."""
    if not folder.is_dir():
        raise UserError(f"--merge: {folder} is not a folder; give the folders of the runs with data.fold")
    record = runs.read_record(folder)
    if not (record["config"].get("data") or {}).get("fold"):
        raise UserError(f"--merge: {folder} was trained without data.fold=k/n; give runs with it")
    if record["status"] != "finished":
        raise UserError(f"--merge: {folder} is {record['status']}; finish it with fer.train resume={folder}")
    return record


def check_parts(records: dict[Path, dict[str, Any]]) -> None:
    """Raises UserError unless the runs have the same n and each part occurs once."""
    folds = {folder: parse_fold(record["config"]["data"]["fold"]) for folder, record in records.items()}
    counts = {count for _, count in folds.values()}
    if len(counts) > 1:
        parts_of_runs = ", ".join(f"{folder} is {part}/{count}" for folder, (part, count) in folds.items())
        raise UserError(f"--merge: the runs have different numbers of parts ({parts_of_runs}); give runs of one n")
    count, parts = counts.pop(), [part for part, _ in folds.values()]
    if repeated := sorted({part for part in parts if parts.count(part) > 1}):
        raise UserError(f"--merge: several runs of part {repeated[0]}/{count}; give one run for each part")
    if missing := [f"{part}/{count}" for part in range(1, count + 1) if part not in parts]:
        raise UserError(f"--merge: no run of data.fold={', '.join(missing)}; give one run for each part")


def check_same_data(records: dict[Path, dict[str, Any]]) -> None:
    """Raises UserError if the runs were trained on different data."""
    data = {folder: (record["data"]["fingerprint"], total_counts(record)) for folder, record in records.items()}
    first, *others = data
    fingerprint, counts = data[first]
    for folder in others:
        other_fingerprint, other_counts = data[folder]
        if (other_fingerprint, other_counts) != (fingerprint, counts):
            raise UserError(
                f"--merge: {first} and {folder} have different training splits (fingerprints {fingerprint} and "
                f"{other_fingerprint}, {sum(counts.values()):,} and {sum(other_counts.values()):,} images); train all "
                "parts on the same data and labels"
            )


def training_counts(record: dict[str, Any]) -> tuple[dict[str, int], dict[str, int]]:
    """Returns the training images of each class in the other parts, and those in the run's own part."""
    return record["data"]["counts"]["train"], record["data"]["counts"][FOLD]


def total_counts(record: dict[str, Any]) -> dict[str, int]:
    """Returns the training images of each class in all parts."""
    others, own = training_counts(record)
    return {name: others[name] + own[name] for name in others}


def read_opinions(folder: Path, record: dict[str, Any]) -> pd.DataFrame:
    """Returns the opinions of a run as a table; raises UserError if they are missing, damaged or incomplete."""
    path = folder / runs.OPINIONS
    if not path.is_file():
        raise UserError(f"{path}: no such file; a run with data.fold writes it when it ends")
    splits = predictions.read(path)
    own = sum(training_counts(record)[1].values())
    if list(splits) != ["train"] or len(splits["train"]) != own:
        raise UserError(f"{path}: expected {own:,} images of the split train, as {folder / runs.METRICS} says")
    as_text: dict[Hashable, type[str]] = dict.fromkeys(predictions.ID_COLUMNS, str)
    return pd.read_csv(path, dtype=as_text, na_filter=False)
