"""Reads a run's folder: its metrics.json, study, checkpoint and data."""

import os
from pathlib import Path
from typing import Any

from fer import commandline, runs
from fer.errors import UserError

BEST = Path("checkpoints") / "best.ckpt"
Record = dict[str, Any]


def record_of(folder: Path) -> Record:
    """The run's metrics.json, or what config.yaml knows where that is damaged; empty without either.

    A line on stderr tells of a damaged file.
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
    """The folder above `run` that is called as its study, from its metrics.json; None where it lies elsewhere."""
    return runs.study_folder(run.absolute(), record.get("config", {}).get("study") or "")


def checkpoint_of(folder: Path, record: Record) -> Path | None:
    """The file with the run's best weights, also after the folder was moved; None if it is gone."""
    named = Path(record.get("checkpoint") or BEST)
    places = (folder / named, folder / named.parent.name / named.name, folder / BEST)
    return next((place for place in places if place.is_file()), None)


def why_no_run(folder: Path, record: Record) -> str:
    """What a folder without predictions is instead, and what to do."""
    if record:
        state = record.get("status", "not finished")
        train = commandline.command("fer.train", [commandline.assigned("resume", folder)])
        return f"this run is {state} and left no predictions; finish it with: {train}"
    inside = sorted(path.parent for path in folder.glob(f"**/{runs.PREDICTIONS}"))
    if inside:
        return f"not a run, but the folder of {len(inside)}; name one or more of them, e.g. {inside[0]}"
    return "not a run (no predictions.csv in it); give the folder that fer.train wrote to"


def about_data(record: Record) -> list[str]:
    """Which faces a run was trained and scored on, loudly if they are drawn."""
    data = record.get("data") or {}
    return [f"{data['origin']} ({data.get('layout', 'unknown layout')})."] if "origin" in data else []
