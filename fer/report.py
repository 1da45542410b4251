"""Report: text, tables and figures, written as Markdown with PNGs and as one self-contained HTML page."""

import base64
import html
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markdown import Markdown

from fer.files import atomic, save_figure, write_text

STYLE = """
:root { color-scheme: light dark; background: #fff; color: #1b1b1b; }
a { color: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { background: #121212; color: #eee; }
  a { color: #8ab4f8; }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; margin-top: 2em; }
h1 { margin-top: 0; }
h1, h2, h3, p, li { overflow-wrap: anywhere; }
.table { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #8885; text-align: left; vertical-align: top; }
td[style*="right"], td span { white-space: nowrap; }
nav { border-left: 3px solid #8885; padding-left: 1rem; }
nav ul { columns: 16rem; list-style: none; padding: 0; margin: 0; }
img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
code { background: #8882; padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  table { font-size: .75rem; }
  th, td { padding: .25rem .3rem; }
  td[style*="right"]:has(span) { white-space: normal; }
}
"""


NUMBER = re.compile(r"(< |p < )?[-+−±]?\d[\d,.]*( ?%| MB| s)?( ?[(±–].*)?$")
"""A cell that holds a number, perhaps with a unit or an interval."""
LONG = 5
"""Headings from which on a page has a list of contents."""
ESTIMATE = re.compile(r"(<td [^>]*right[^>]*>)([^<(]+) (\([^<]+)</td>")
"""A cell of a page that holds a value and its interval, such as 64.4 % (62.8–65.9)."""
MISSING = ("", "–", "-", "nan", "None")

TABLE_START = '<div class="table" role="group" aria-label="table" tabindex="0"><table>'
"""A wide table scrolls inside its box, by keyboard too."""


class Report:
    """Collects blocks of Markdown, tables and figures; `write` writes them into a folder.

    Text is Markdown, so text from files and users must be escaped with `plain`. With `with_faces=False` the report
    holds no picture of faces and may be published even if the data may not.
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
            save_figure(figure, folder / f"{name}.png")
        write_text(folder / "report.md", self.markdown)
        write_text(folder / "report.html", page(self.title, self.markdown, folder))
        files = [f"{name}.csv" for name in self.tables] + [f"{name}.png" for name in self.figures]
        return ["report.html", "report.md", *files]


def page(title: str, text: str, folder: Path) -> str:
    """Returns the Markdown `text` as a complete HTML page with the PNGs of `folder` embedded.

    A table that is wider than the page scrolls inside it. From LONG headings on, a list of contents stands above the
    first of them.
    """
    converter = Markdown(extensions=["tables", "sane_lists", "toc"])
    body = converter.convert(text)
    body = ESTIMATE.sub(r"\1<span>\2</span> <span>\3</span></td>", body)  # narrow lines break between the two
    body = body.replace("<table>", TABLE_START).replace("</table>", "</table></div>")
    body = re.sub(r'src="([^":/]+\.png)"', lambda match: f'src="{embedded(folder / match[1])}"', body)
    first, *others = re.split(r"(?=<h2)", body, maxsplit=1)
    body = "".join([first, contents(converter.toc_tokens), *others])
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def contents(tokens: Sequence[dict[str, Any]]) -> str:
    """Returns links to the headings of the second level; "" for fewer than LONG. tokens: of the extension "toc"."""
    headings = [heading for token in tokens for heading in [token, *token["children"]] if heading["level"] == 2]
    if len(headings) < LONG:
        return ""
    items = [f'<li><a href="#{heading["id"]}">{heading["html"]}</a></li>' for heading in headings]
    return "\n".join(['<nav aria-label="Contents"><ul>', *items, "</ul></nav>\n"])


def embedded(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def markdown_table(table: pd.DataFrame) -> str:
    """Returns the cells as a Markdown table; columns of numbers are right-aligned."""
    rows = [[str(cell) for cell in row] for row in table.astype(object).to_numpy().tolist()]
    columns = list(zip(*rows, strict=True)) or [()] * table.shape[1]
    lines = [[plain(str(column)) for column in table.columns]]
    lines.append(["---:" if is_numeric(cells) else "---" for cells in columns])
    lines += [[plain(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def is_numeric(cells: Sequence[str]) -> bool:
    """Returns whether every cell starts with a number or is a dash for a missing one, and one is a number."""
    numbers = [bool(NUMBER.match(cell)) for cell in cells]
    missing = [cell in MISSING for cell in cells]
    return any(numbers) and all(a or b for a, b in zip(numbers, missing, strict=True))


def plain(text: str) -> str:
    """Escapes text for Markdown and HTML."""
    text = " ".join(html.escape(text, quote=False).split())
    return re.sub(r"([\\`*\[\]|])", r"\\\1", text)
