"""Finds the temperature that calibrates a checkpoint's probabilities.

It is known at training's end, from the logits of validation, and kept in metrics.json; files that travel alone
(fer.export) hold it themselves. Runs that older code left are read from their predictions.csv, which that code rounded
to five decimals: a temperature of a very sure network comes out too small there, and a remark says so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fer import runs
from fer.evaluation import calibration, predictions
from fer.evaluation.records import checkpoint_of, record_of

KEY = "temperature"
BOUNDED = "at least; fitted on probabilities of five decimals, some of them 0"


class Calibration(NamedTuple):
    """temperature: None where nothing tells. remark: what is to be said of it, if anything."""

    temperature: float | None = None
    remark: str = ""


def calibration_of(path: Path, content: Mapping[str, Any]) -> Calibration:
    """Of the checkpoint at `path` with this content; without a temperature for a file that left its run."""
    if KEY in content:
        return Calibration(None if content[KEY] is None else float(content[KEY]))
    run = path.absolute().parent.parent
    record = record_of(run)
    scored = checkpoint_of(run, record) if record else None
    if scored is None or not scored.samefile(path):  # what the run says is about its best checkpoint
        return Calibration()
    if KEY in record:
        return Calibration(record[KEY])
    return fitted(run / runs.PREDICTIONS)


def fitted(table: Path) -> Calibration:
    """On the validation part of a predictions.csv; without a temperature where it is missing or has too few faces."""
    splits = predictions.read(table) if table.is_file() else {}
    if "val" not in splits:
        return Calibration()
    probabilities, labels = splits["val"].probabilities, splits["val"].labels
    temperature = calibration.fitted(calibration.log_probabilities(probabilities), labels)
    return Calibration(temperature, BOUNDED if calibration.bounded(probabilities, labels) else "")
