"""Draws the confusion matrices of a study, and copies the drawn faces of its best run."""

import shutil
from pathlib import Path

from fer.console import counted
from fer.files import save_figure
from fer.plots import confusion_figure
from fer.studies.records import Run, read_runs, total_confusion
from fer.studies.selection import Studies, best_of, configurations
from fer.studies.tables import is_synthetic


def confusion_matrices(studies: Studies, split: str, out: Path) -> list[str]:
    """Draws the confusion matrix of each configuration into `out`; returns the Markdown that shows them."""
    parts = []
    for study, run_name, runs in configurations(studies):
        picture = f"{study}-{run_name}.png".replace("/", ",")
        if draw_confusion(runs, split, out / picture, dpi=80):
            parts.append(f"{study}, `{run_name}`:\n\n![confusion matrix]({picture})\n")
    return parts


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


def draw_confusion(runs: list[Run], split: str, path: Path, dpi: int | str = "figure") -> bool:
    """Draws one matrix over the predictions of all `runs`; returns whether any run has stored counts."""
    total = total_confusion(runs, split)
    if total is None:
        return False
    classes, counts = total
    title = f"{split}, {counted(len(runs), 'run')}, accuracy {100 * counts.trace() / counts.sum():.1f} %"
    save_figure(confusion_figure(counts, classes, title), path, colours=256, dpi=dpi)
    return True
