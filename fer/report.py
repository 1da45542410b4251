"""Report: text, tables and figures, written as Markdown with PNGs and as one self-contained HTML page."""

import base64
import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from markdown import markdown

from fer.files import atomic, save_figure, write_text

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; margin-top: 2em; }
h1 { margin-top: 0; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #8885; text-align: left; }
td.number { white-space: nowrap; }
img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
code { background: #8882; padding: .1em .3em; border-radius: 3px; }
"""


class Report:
    """Collects blocks of Markdown and figures; `write` puts them into a folder.

    Text is Markdown, so what comes from outside goes through `plain`. Without `with_faces` it holds no picture of
    faces, so that a report on data that may not be passed on may be published.
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

    def table(self, table: pd.DataFrame, name: str | None = None) -> None:
        """Shows `table`; with a name also written as `<name>.csv`."""
        self.blocks.append(markdown_table(table))
        if name:
            self.tables[name] = table

    def figure(self, figure: Any, name: str, alt: str) -> None:
        """Shows the matplotlib figure, written as `<name>.png`; `alt` says in words what is on it."""
        self.blocks.append(f"![{plain(alt)}]({name}.png)")
        self.figures[name] = figure

    def faces(self, draw: Callable[[], Any], name: str, alt: str) -> None:
        """As `figure`, of a figure that shows faces of the data."""
        if self.with_faces:
            self.figure(draw(), name, alt)
        else:
            self.text(f"*Left out, since it shows faces of the data: {plain(alt)}.*")

    @property
    def markdown(self) -> str:
        return "\n\n".join(self.blocks) + "\n"

    def write(self, folder: Path) -> list[str]:
        """report.html, report.md, the PNGs and CSVs; returns their names."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in self.tables.items():
            with atomic(folder / f"{name}.csv") as file:
                table.to_csv(file, index=False)
        for name, figure in self.figures.items():
            save_figure(figure, folder / f"{name}.png")
        write_text(folder / "report.md", self.markdown)
        write_text(folder / "report.html", page(self.title, self.markdown, folder))
        files = [f"{name}.csv" for name in self.tables] + [f"{name}.png" for name in self.figures]
        return ["report.html", "report.md", *files]


def page(title: str, text: str, folder: Path) -> str:
    """Markdown as a whole HTML page, the pictures of `folder` inside it."""
    body = markdown(text, extensions=["tables", "sane_lists"])
    body = re.sub(r"<td>(?=[-+−]?\d)(?=[^<]{1,32}<)", '<td class="number">', body)
    body = re.sub(r'src="([^":/]+\.png)"', lambda found: f'src="{embedded(folder / found[1])}"', body)
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def embedded(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def markdown_table(table: pd.DataFrame) -> str:
    """A Markdown table of the cells as text."""
    lines = [[plain(str(column)) for column in table.columns], ["---"] * table.shape[1]]
    lines += [[plain(cell) for cell in row] for row in table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def plain(text: str) -> str:
    """Escapes text for Markdown and HTML."""
    text = " ".join(html.escape(text, quote=False).split())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)
