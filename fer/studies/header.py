"""The line on top of an experiment's YAML that says what was measured."""

from pathlib import Path

import pandas as pd

from fer.studies.factors import titles
from fer.studies.records import Run
from fer.studies.tables import best_of, comparable, finished, judged_by, machine, seeds, spread

MARK = "# Measured: "


def line(runs: list[Run], with_test: bool) -> str:
    """The figure of the configuration that is best by it in validation, and the minutes of all that compare with it."""
    done = comparable(finished(runs))
    mine = best_of(done)
    count = len({run["name"] for run in done})
    splits = ["val"] + ["test"] * (with_test and all("test/accuracy" in run for run in mine))
    what = judged_by(done).removeprefix("val/")
    unit = "" if what == "accuracy" else f" {what.replace('_', ' ')}"
    figures = [f"{split}{unit} {spread([100 * run[f'{split}/{what}'] for run in mine])} %" for split in splits]
    minutes = pd.Series([run["fit_seconds"] / 60 for run in done]).median()
    which = f"best of {count} ({titles(done)[mine[0]['name']]}) " if count > 1 else ""
    where = "; ".join(sorted({machine(run) for run in done}))
    return f"{MARK}{which}{', '.join(figures)}; {minutes:.1f} min a run, seeds {seeds(mine)}; {where}."


def stamp(path: Path, text: str) -> bool:
    """Puts the line where the last one stood, else below the comments on top of the file; whether there is a file."""
    if not path.is_file():
        return False
    lines = [row for row in path.read_text(encoding="utf-8").splitlines() if not row.startswith(MARK)]
    top = next((number for number, row in enumerate(lines) if not row.startswith("#")), len(lines))
    path.write_text("\n".join([*lines[:top], text, *lines[top:]]) + "\n", encoding="utf-8")
    return True
