"""Records and counts how often the test split of a study was read, by runs and by evaluations."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from fer import runs
from fer.errors import UserError
from fer.evaluation.inputs import EvaluationInput
from fer.git import commit

FILE_NAME = "test_reads.jsonl"


def record_readings(inputs: Sequence[EvaluationInput], folder: Path, command: str) -> list[str]:
    """Records for each study that its test split is read; returns a sentence each with the number of readings.

    folder: takes the record of inputs without a study.
    """
    paths: dict[Path, list[str]] = {}
    for source in inputs:
        paths.setdefault(source.study or folder, []).append(str(source.path))
    for study, paths_of_study in paths.items():
        append(study, command, paths_of_study, commit())
    return [count_sentence(study) for study in paths]


def append(folder: Path, command: str, paths: list[str], commit: str | None) -> None:
    """Appends a line of JSON to the record in `folder`: time (UTC), command, inputs, commit of the code."""
    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "command": command, "input": paths}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / FILE_NAME).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line | {"commit": commit}) + "\n")


def count(folder: Path) -> dict[str, int]:
    """Returns the number of finished `runs` below `folder`, which read the test split once, and of `evaluations`.

    Raises UserError if the record cannot be read.
    """
    finished = sum(was_test_read(path) for path in folder.rglob(runs.METRICS))
    try:
        lines = (folder / FILE_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / FILE_NAME}: cannot be read; repair it or move it away") from error
    return {"runs": finished, "evaluations": sum(bool(line.strip()) for line in lines)}


def count_sentence(folder: Path) -> str:
    """Returns a sentence with the number of readings."""
    counts = count(folder)
    total = sum(counts.values())
    times = "once" if total == 1 else f"{total} times"
    if not counts["runs"]:
        return f"The test split was read {times} for reports in this folder."
    evaluations = f"{counts['evaluations']} by fer.evaluate, this one included"
    return f"The test split of this study was read {times}: {counts['runs']} at the end of a run and {evaluations}."


def was_test_read(metrics: Path) -> bool:
    """Returns whether a run read the test split, from its metrics.json; False for a damaged file."""
    try:
        record = json.loads(metrics.read_text(encoding="utf-8"))
        return record.get("status") == "finished" and record.get("config", {}).get("test", True)
    except (OSError, ValueError, AttributeError):
        return False
