"""Collects the runs of studies from their folders and from the records stored before."""

import difflib
from pathlib import Path

from fer.errors import UserError
from fer.studies.records import read_runs, read_stored, store
from fer.studies.selection import Studies, finished


def collect(studies: list[str], runs: Path, place: Path, together: bool, with_predictions: bool = False) -> Studies:
    """Stores the runs of the studies in `place`, and returns all runs that are stored there.

    together: whether all are stored in one file, and only finished runs count; else each study has a folder below
    `place`. with_predictions: see `store`. Raises UserError for an unknown study.
    """
    new = {study: read_runs(runs / study) for study in studies}
    if together:
        new = {study: finished(group) for study, group in new.items()}
    where = {study: (place, study) if together else (place / study, "") for study in studies}
    for study, group in new.items():
        if not group and not read_stored(*where[study]):
            raise UserError(unknown_study(study, runs, place))
    for study, group in new.items():
        store(group, *where[study], with_predictions=with_predictions)
    stored = {study: read_stored(*where[study]) for study in studies}
    if together:
        stored = {study: finished(group) for study, group in stored.items()}
    for study, group in stored.items():
        if not group:
            raise UserError(f"{study}: none of its runs can be read; train them again")
    return stored


def unknown_study(study: str, runs: Path, place: Path) -> str:
    """Returns the message for a study without runs, with the name that was probably meant."""
    names = {path.name for base in (runs, place) if base.is_dir() for path in base.iterdir() if path.is_dir()}
    close = difflib.get_close_matches(study, names - {study}, n=1)
    hint = f"did you mean {close[0]}?" if close else "give the name of a study in runs/"
    return f"{study}: no finished run in {runs / study}/, and none stored in {place / study}/; {hint}"
