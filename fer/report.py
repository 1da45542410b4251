"""Report: text, tables and figures, written as Markdown with PNGs and as one self-contained HTML page."""

import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_float_dtype, is_integer_dtype

from fer.files import atomic, save_figure, write_text
from fer.report_page import page

NUMBER = re.compile(r"(< |p < )?[-+−±]?\d[\d,.]*( ?%| MB| s)?( ?[(±–].*)?$")
"""A cell that holds a number, perhaps with a unit or an interval."""
MISSING = ("", "–", "-", "nan", "None")


class Report:
    """Collects blocks of Markdown, tables and figures; `write` writes them into a folder.

    Text is Markdown, so text from files and users must be escaped with `plain`. With `with_faces=False` the report
    holds no picture of faces and may be published even if the data may not; its pictures are small files.
    """

    def __init__(self, title: str, with_faces: bool = True):
        self.title, self.with_faces = title, with_faces
        self.blocks = [f"# {plain(title)}"]
        self.figures: dict[str, Any] = {}
        self.tables: dict[str, pd.DataFrame] = {}

    def heading(self, text: str) -> None:
        self.blocks.append(f"## {text}")

    def text(self, text: str) -> None:
        self.blocks.append(text)

    def items(self, lines: Sequence[str]) -> None:
        """Adds a list; `lines` are plain text."""
        self.blocks.append("\n".join(f"- {plain(line)}" for line in lines))

    def table(self, table: pd.DataFrame, name: str | None = None) -> None:
        """Adds `table`; if it has a name, `write` also writes it as `<name>.csv`."""
        self.blocks.append(markdown_table(table))
        if name:
            self.tables[name] = table

    def figure(self, figure: Any, name: str, alt: str) -> None:
        """Adds the matplotlib figure, which `write` writes as `<name>.png`; alt: its description in words."""
        self.blocks.append(f"![{plain(alt)}]({name}.png)")
        self.figures[name] = figure

    def faces(self, draw: Callable[[], Any], name: str, alt: str) -> None:
        """Adds the figure that `draw` returns, which shows faces of the data; a sentence if `with_faces` is False."""
        if self.with_faces:
            self.figure(draw(), name, alt)
        else:
            self.text(f"*Left out because it shows faces of the data: {plain(alt)}.*")

    @property
    def markdown(self) -> str:
        return "\n\n".join(self.blocks) + "\n"

    def write(self, folder: Path) -> list[str]:
        """Writes report.html, report.md, the PNGs and CSVs into `folder`; returns their names."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            with atomic(folder / f"{name}.csv") as file:
                table.to_csv(file, index=False)
        for name, figure in self.figures.items():
            save_figure(figure, folder / f"{name}.png", colours=None if self.with_faces else 256)
        write_text(folder / "report.md", self.markdown)
        write_text(folder / "report.html", page(self.title, self.markdown, folder))
        files = [f"{name}.csv" for name in self.tables] + [f"{name}.png" for name in self.figures]
        return ["report.html", "report.md", *files]


def markdown_table(table: pd.DataFrame) -> str:
    """Returns the cells as a Markdown table; columns of numbers are right-aligned."""
    columns = [texts(table.iloc[:, number]) for number in range(table.shape[1])]
    lines = [[plain(str(column)) for column in table.columns]]
    lines.append(["---:" if is_numeric(cells) else "---" for cells in columns])
    lines += [[plain(cell) for cell in row] for row in zip(*columns, strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def texts(column: pd.Series) -> list[str]:
    """Returns the cells of a column as text: thousands with commas, floats with equally many decimals."""
    if is_integer_dtype(column):
        return [f"{value:,}" for value in column]
    texts = [str(value) for value in column.astype(object)]
    if not is_float_dtype(column) or any("e" in text for text in texts):
        return texts
    decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
    return ["nan" if pd.isna(value) else f"{value:,.{decimals}f}" for value in column]


def is_numeric(cells: Sequence[str]) -> bool:
    """Returns whether every cell starts with a number or is a dash for a missing one, and one is a number."""
    numbers = [bool(NUMBER.match(cell)) for cell in cells]
    missing = [cell in MISSING for cell in cells]
    return any(numbers) and all(a or b for a, b in zip(numbers, missing, strict=True))


def plain(text: str) -> str:
    """Escapes text for Markdown and HTML."""
    text = " ".join(html.escape(text, quote=False).split())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)
