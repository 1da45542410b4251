"""The temperature that makes a checkpoint's probabilities mean what they say.

It is known at training's end, from the predictions on validation, and kept in metrics.json; files that travel alone
(fer.export) hold it themselves. Runs that older code left are read from their predictions.csv.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fer import runs
from fer.evaluation import calibration, predictions
from fer.evaluation.records import checkpoint_of, record_of

KEY = "temperature"


def temperature_of(path: Path, content: Mapping[str, Any]) -> float | None:
    """Of the checkpoint at `path` with this content; None where nothing tells, as for a file that left its run."""
    if KEY in content:
        return None if content[KEY] is None else float(content[KEY])
    run = path.absolute().parent.parent
    record = record_of(run)
    scored = checkpoint_of(run, record) if record else None
    if scored is None or not scored.samefile(path):  # what the run says is about its best checkpoint
        return None
    if KEY in record:
        return record[KEY]
    return fitted(run / runs.PREDICTIONS)


def fitted(table: Path) -> float | None:
    """On the validation part of a predictions.csv; None without one, or with too few faces."""
    splits = predictions.read(table) if table.is_file() else {}
    if "val" not in splits:
        return None
    return calibration.fitted(splits["val"].probabilities, splits["val"].labels)
