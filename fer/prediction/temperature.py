"""Finds the temperature that calibrates a checkpoint's probabilities.

Training fits it on the validation logits and writes it to metrics.json. Files of fer.export contain it. For runs of
older versions it is fitted on their predictions.csv, where probabilities have five decimals: the fitted temperature of
a very confident network is then a lower bound, and a remark says so.
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
    """temperature: None if it is unknown. remark: a note on how it was fitted, "" without one."""

    temperature: float | None = None
    remark: str = ""


def calibration_for(path: Path, content: Mapping[str, Any]) -> Calibration:
    """Returns the calibration of the checkpoint at `path`; without a temperature for a file outside its run."""
    if KEY in content:
        return Calibration(None if content[KEY] is None else float(content[KEY]))
    run = path.absolute().parent.parent
    record = record_of(run)
    best = checkpoint_of(run, record) if record else None
    if best is None or not best.samefile(path):  # the record is about the best checkpoint
        return Calibration()
    if KEY in record:
        return Calibration(record[KEY])
    return fit(run / runs.PREDICTIONS)


def fit(table: Path) -> Calibration:
    """Fits the temperature on the validation rows of a predictions.csv; None if they are missing or too few."""
    splits = predictions.read(table) if table.is_file() else {}
    if "val" not in splits:
        return Calibration()
    probabilities, labels = splits["val"].probabilities, splits["val"].labels
    temperature = calibration.stored_temperature(calibration.log_probabilities(probabilities), labels)
    return Calibration(temperature, BOUNDED if calibration.has_zeros(probabilities, labels) else "")
