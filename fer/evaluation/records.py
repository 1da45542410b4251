"""Reads what a run's folder says about the run: record, study, checkpoint and data."""

import os
from pathlib import Path
from typing import Any

from fer import commandline, run_folders, runs
from fer.errors import UserError

BEST = Path("checkpoints") / "best.ckpt"
Record = dict[str, Any]
"""The content of metrics.json."""


def record_of(folder: Path) -> Record:
    """Returns the run's metrics.json, or what config.yaml holds if metrics.json is damaged; {} without either.

    Prints a line to stderr if a file is damaged.
    """
    path = folder / runs.METRICS
    if not os.path.lexists(path):
        return {}
    try:
        return runs.parsed(path)
    except UserError:
        pass
    try:
        return runs.read_record(folder)
    except UserError as error:
        runs.say_once(f"{error}; goes on without it")
        return {}


def study_folder(run: Path, record: Record) -> Path | None:
    """Returns the folder above `run` that has the name of its study; None if the run lies elsewhere."""
    return run_folders.study_folder(run.absolute(), record.get("config", {}).get("study") or "")


def checkpoint_of(folder: Path, record: Record) -> Path | None:
    """Returns the file with the run's best weights, even after the folder was moved; None if it is gone."""
    recorded = Path(record.get("checkpoint") or BEST)
    candidates = (folder / recorded, folder / recorded.parent.name / recorded.name, folder / BEST)
    return next((path for path in candidates if path.is_file()), None)


def reason_without_predictions(folder: Path, record: Record) -> str:
    """Returns why a folder has no predictions, and what to do."""
    if record:
        state = record.get("status", "not finished")
        train = commandline.command("fer.train", [commandline.assigned("resume", folder)])
        return f"this run is {state} and left no predictions; finish it with: {train}"
    inside = sorted(path.parent for path in folder.glob(f"**/{runs.PREDICTIONS}"))
    if inside:
        return f"not a run, but the folder of {len(inside)}; name one or more of them, e.g. {inside[0]}"
    return "not a run (no predictions.csv in it); give the folder that fer.train wrote to"


def data_sentences(record: Record) -> list[str]:
    """Returns a sentence on the data of a run, such as "FER2013 (fer2013.csv)."; [] if the record has none."""
    data = record.get("data") or {}
    return [f"{data['origin']} ({data.get('layout', 'unknown layout')})."] if "origin" in data else []
