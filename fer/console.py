"""Writes the first lines of a run, tables and amounts as text, and silences messages of libraries."""

import logging
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, SupportsFloat

from fer.monitor import mode_of

RULE = 78  # characters of the lines around the first lines of a run
QUIET = (
    "does not have many workers",  # whole batches are sliced in the main process: faster than workers
    "is smaller than the logging interval",
    "Checkpoint directory .* exists and is not empty",
    "Experiment logs directory .* exists",
    "is not supported by the model summary",
    "your dataloader is not resumable",  # fer.training.checkpointing tells its sampler where to go on
    "SWA is currently only supported every epoch",  # from its first epoch on, its learning rate takes over
    "treespec, LeafSpec",  # between lightning and newer torch
    "recommended to use .*sync_dist=True",  # the figures are computed over all ranks already
)


def opening(data: Mapping[str, Any], resolved: Mapping[str, Any], wanted: Path, folder: Path) -> list[str]:
    """Returns the first lines of a run: data, split, resolved options and folder.

    data: the data module's description. wanted: the folder that was asked for; folder: the one that is written.
    """
    rule = "─" * min(RULE, shutil.get_terminal_size().columns)
    lines = [
        rule,
        data["origin"],
        f"{data['layout']}: {', '.join(data['path'])}",
        *counts_table(data["counts"]),
        f"official split: {yes(data['official_split'])}; fingerprint {data['fingerprint']}",
        *(f"note: {note}" for note in data["notes"]),
        *(f"{name}: {value}" for name, value in resolved.items()),
    ]
    if folder != wanted:
        lines.append(f"{wanted} already exists, so this run writes elsewhere")
    return [*lines, f"writing to {folder}", rule]


def counts_table(counts: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Returns a text table with a row for each split, a column for each class and a column of totals.

    Where this is wider than the terminal, each class is a row.
    """
    classes = list(next(iter(counts.values())))
    widths = [max(len(name), 6) for name in classes]
    lines = ["".join([" " * 7, *(f"{name:>{w + 1}}" for name, w in zip(classes, widths, strict=True)), "    total"])]
    for split, row in counts.items():
        cells = (f"{row[name]:>{w + 1},}" for name, w in zip(classes, widths, strict=True))
        lines.append("".join([f"{split:<7}", *cells, f"{sum(row.values()):>9,}"]))
    if len(lines[0]) <= shutil.get_terminal_size().columns:
        return lines
    rows = {name: [row[name] for row in counts.values()] for name in classes}
    rows["total"] = [sum(row.values()) for row in counts.values()]
    width = max(map(len, rows))
    body = [f"{name:<{width}}{''.join(f' {count:>8,}' for count in row)}" for name, row in rows.items()]
    return [f"{'':<{width}}{''.join(f' {split:>8}' for split in counts)}", *body]


def yes(value: bool) -> str:
    return "yes" if value else "no"


def duration(seconds: float) -> str:
    """Returns a time in words: "45 s", "12 min", "3.4 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def loss_text(loss: SupportsFloat, decimals: int = 4) -> str:
    """Returns a loss with `decimals` decimals, or four significant digits from 10,000 on, as of diverging runs."""
    value = float(loss)
    return f"{value:.{decimals}f}" if abs(value) < 10_000 else f"{value:.4g}"


def figure_text(monitor: str, value: float, deviation: float | None = None) -> str:
    """Returns `61.23 %` or `61.23 ± 0.45 %`; losses with four digits and no unit."""
    numbers = [value] if deviation is None else [value, deviation]
    if mode_of(monitor) == "min":
        return " ± ".join(map(loss_text, numbers))
    return " ± ".join(f"{100 * number:.2f}" for number in numbers) + " %"


def quieten() -> None:
    """Silences warnings that do not apply here, and Lightning's messages that repeat the first lines of a run."""
    for message in QUIET:
        warnings.filterwarnings("ignore", f".*{message}.*")
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
