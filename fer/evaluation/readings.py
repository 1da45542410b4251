"""Counts how often the test split of a study was read, by runs and by evaluations."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fer import runs
from fer.errors import UserError

if TYPE_CHECKING:
    from fer.evaluation.inputs import Given

NAME = "test_reads.jsonl"


def note(given: "Sequence[Given]", folder: Path, command: str) -> list[str]:
    """Leaves a line for each study whose test split is about to be shown; returns how often that has happened."""
    from fer.hardware import commit  # imports torch

    places: dict[Path, list[str]] = {}
    for one in given:
        places.setdefault(one.study or folder, []).append(str(one.path))
    for place, mine in places.items():
        add(place, command, mine, commit())
    return [sentence(place) for place in places]


def add(folder: Path, command: str, given: list[str], commit: str | None) -> None:
    """One line more in `folder`: time (UTC), command, inputs, commit of the code."""
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "command": command, "input": given}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | {"commit": commit}) + "\n")


def count(folder: Path) -> dict[str, int]:
    """`runs` below `folder` that are finished, each having scored the test split once, and later `evaluations`."""
    finished = sum(_finished(path) for path in folder.rglob(runs.METRICS))
    try:
        lines = (folder / NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / NAME}: cannot be read; mend it or move it away") from error
    return {"runs": finished, "evaluations": sum(bool(line.strip()) for line in lines)}


def sentence(folder: Path) -> str:
    """The count in words."""
    of = count(folder)
    times = "once" if sum(of.values()) == 1 else f"{sum(of.values())} times"
    looked = f"{of['evaluations']} by fer.evaluate, this one included"
    if not of["runs"]:
        return f"The test split was read {times} for reports in this folder."
    return f"The test split of this study was read {times}: {of['runs']} at the end of a run and {looked}."


def _finished(metrics: Path) -> bool:
    try:
        record = json.loads(metrics.read_text(encoding="utf-8"))
        return record.get("status") == "finished" and record.get("config", {}).get("test", True)
    except (OSError, ValueError, AttributeError):
        return False
