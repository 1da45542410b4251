"""Loads the faces that a checkpoint was trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer.errors import UserError
from fer.evaluation.inputs import data_difference
from fer.evaluation.loading import ClassifierWithData, load_classifier
from fer.evaluation.records import record_of


def experiment_data(
    path: Path, data: Sequence[str] | None, numbers: Any = None
) -> tuple[ClassifierWithData | None, str]:
    """Returns the classifier with the faces in `data`, by default those it was trained on; or None, and the reason.

    numbers: the classes of folders that are named by numbers, by default as in the run. Raises UserError if `data` is
    given and cannot be read; data of the run that is missing or has changed is no error.
    """
    try:
        faces = load_classifier(path, data, numbers=numbers)
    except UserError as error:
        if data:
            raise
        return None, str(error)
    if data:
        return faces, ""
    difference = data_difference(faces, record_of(path.absolute().parent.parent))
    return (None, difference) if difference else (faces, "")
