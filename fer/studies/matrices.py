"""Draws the confusion matrices of studies, and copies the drawn faces of the best run."""

import shutil
from pathlib import Path

import numpy as np

from fer.counting import counted
from fer.files import save_figure
from fer.plots.matrices import confusion_figure, confusion_panels, confusion_table
from fer.studies.factors import configuration_titles
from fer.studies.records import read_runs, total_confusion
from fer.studies.run_names import Run
from fer.studies.selection import Studies, best_of, configurations
from fer.studies.tables import is_synthetic


def confusion_matrices(studies: Studies, split: str, out: Path) -> list[str]:
    """Draws the confusion matrices of all configurations into one picture; returns the Markdown that shows it."""
    tables, title = {}, configuration_titles(studies)
    for study, name, runs in configurations(studies):
        total = total_confusion(runs, split)
        if total is not None:
            classes, counts = total
            tables[f"{title[study, name]}: {accuracy_text(counts)}"] = confusion_table(counts, classes)
    if not tables:
        return []
    save_figure(confusion_panels(tables), out / "confusion.png", colours=64)
    return ["![a confusion matrix for each configuration](confusion.png)\n"]


def best_figures(runs: list[Run], out: Path, source: Path) -> list[str]:
    """Draws the confusion matrix of the configuration that is best by validation, and copies its drawn faces."""
    if not runs:
        return []
    best = best_of(runs)
    parts = []
    if draw_confusion(best, "test", out / "confusion.png"):
        parts = [f"`{best[0]['name']}`, the best by validation:\n", "![confusion matrix](confusion.png)\n"]
    if is_synthetic(best[0]):  # pictures of people are not copied
        copy_faces(best, out, source)
        if (out / "faces.png").is_file():
            parts.append("![drawn test faces with predicted and true labels](faces.png)\n")
    return parts


def copy_faces(runs: list[Run], out: Path, source: Path) -> None:
    """Copies faces.png of one of the runs, where its folder below `source` is still there."""
    identities = {run.get("identity") for run in runs}
    for run in read_runs(source):
        sheet = run["predictions"].with_name("faces.png")
        if run.get("identity") in identities and sheet.is_file():
            shutil.copy(sheet, out)
            return


def draw_confusion(runs: list[Run], split: str, path: Path) -> bool:
    """Draws one matrix over the predictions of all `runs`; returns whether any run has stored counts."""
    total = total_confusion(runs, split)
    if total is None:
        return False
    classes, counts = total
    title = f"{split}, {counted(len(runs), 'run')}, accuracy {accuracy_text(counts)}"
    save_figure(confusion_figure(counts, classes, title), path, colours=256)
    return True


def accuracy_text(counts: np.ndarray) -> str:
    return f"{100 * counts.trace() / counts.sum():.1f} %"
