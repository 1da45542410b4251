"""Prints what a study shows: its table and its conclusions, without Markdown."""

import textwrap
from collections.abc import Sequence

import pandas as pd

SHOWN = ("train/accuracy", "val/accuracy", "test/accuracy", "runs", "not finished", "minutes (median)")


def study_lines(table: pd.DataFrame, conclusions: Sequence[str], width: int | None) -> list[str]:
    """Returns the table, with the names of the runs last, and the conclusions. width: of a terminal, to wrap them."""
    shown = [name for name in SHOWN if name in table and not (name == "not finished" and not table[name].any())]
    cells = [[name.removesuffix(" (median)") for name in shown], *table[shown].astype(str).to_numpy().tolist()]
    widths = [max(len(row[column]) for row in cells) for column in range(len(shown))]
    names = ["run", *table["run"]]
    lines = [
        "  ".join([*(cell.rjust(size) for cell, size in zip(row, widths, strict=True)), name])
        for row, name in zip(cells, names, strict=True)
    ]
    for line in "\n".join(conclusions).replace("**", "").splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(line, width, subsequent_indent=indent) if width else [line]
    return lines
