"""Keeps the logged curves of a run (metrics.csv) whole when it goes on from a saved state."""

import io
import os
from pathlib import Path

import numpy as np
import pandas as pd

from fer import files, runs

EARLIER = "metrics.before.csv"
"""The rows from before a resumption, while the run adds its own to metrics.csv."""


def keep_history(folder: Path, step: int) -> None:
    """Moves the logged rows before optimizer step `step` to another file, since CSVLogger overwrites metrics.csv."""
    history = read_history(folder)
    if history is not None:
        history = history[pd.to_numeric(history["step"]) < step]
        with files.atomic(folder / EARLIER) as file:
            history.to_csv(file, index=False)
        (folder / runs.HISTORY).unlink(missing_ok=True)


def join_history(folder: Path) -> None:
    """Writes metrics.csv with the rows that `keep_history` moved, followed by those of the resumed run."""
    if (folder / EARLIER).is_file():
        history = read_history(folder)
        if history is not None:
            with files.atomic(folder / runs.HISTORY) as file:
                history.to_csv(file, index=False)
        (folder / EARLIER).unlink()


def read_history(folder: Path) -> pd.DataFrame | None:
    """Returns all logged rows, each once; None without any. A last line that a kill cut off is left out."""
    earlier, later = whole_rows(folder / EARLIER), whole_rows(folder / runs.HISTORY)
    parts = [part for part in (earlier, later) if part is not None]
    if not parts:
        return None
    table = pd.concat(parts, ignore_index=True)
    if len(parts) == 2:
        # A kill in the midst of keep_history leaves the same rows in both files. A run that is resumed at the very end
        # of an epoch logs its figures again, except for the speed.
        figures = table.drop(columns="images_per_s", errors="ignore").fillna("")
        rows = figures.apply(tuple, axis=1)
        before = len(parts[0])
        is_later = np.arange(len(table)) >= before
        is_repeated = is_later & rows.isin(set(rows[:before])).to_numpy()
        table = table[~is_repeated]
    return table[sorted(table.columns)]


def whole_rows(path: Path) -> pd.DataFrame | None:
    """Returns the rows of a CSV file that end with a line break, as text; None without any.

    A damaged file is renamed to *.damaged, and a line says so.
    """
    if not os.path.lexists(path):
        return None
    try:
        text = path.read_text(encoding="utf-8")
        if text and "step" not in text.partition("\n")[0]:
            raise ValueError("it has no column called step")
        rows = pd.read_csv(io.StringIO(text.rpartition("\n")[0] or "step"), dtype=str)
        pd.to_numeric(rows["step"], errors="raise")
    except (OSError, ValueError, KeyError) as error:
        aside = files.put_aside(path)
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        print(
            f"{path}: damaged ({reason}), renamed to {aside.name}; the curves start where the run resumes", flush=True
        )
        return None
    return None if rows.empty else rows
