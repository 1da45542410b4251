"""Turns the Markdown of a report into one HTML page that needs no other file."""

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markdown import Markdown

STYLE = """
:root { color-scheme: light dark; background: #fff; color: #1b1b1b; }
a { color: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { background: #121212; color: #eee; }
  a { color: #8ab4f8; }
}
body { font: 16px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 2rem auto; padding: 0 1rem; }
p, li { max-width: 62rem; }
h1, h2, h3 { line-height: 1.2; margin-top: 2em; }
h1 { margin-top: 0; }
h1, h2, h3, p, li { overflow-wrap: anywhere; }
.table { overflow-x: auto; max-width: 100%; }
.table + .table { margin-top: 1.5rem; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #8885; text-align: left; vertical-align: top; }
th { vertical-align: bottom; }
td[style*="right"], td span { white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
th button::after { content: " \\2195" / ""; color: #8888; }
th[aria-sort="ascending"] button::after { content: " \\2191" / ""; color: inherit; }
th[aria-sort="descending"] button::after { content: " \\2193" / ""; color: inherit; }
pre { white-space: pre-wrap; background: #8882; padding: .5rem; border-radius: 3px; }
pre code { background: none; padding: 0; overflow-wrap: anywhere; }
nav { border-left: 3px solid #8885; padding-left: 1rem; }
nav ul { columns: 16rem; list-style: none; padding: 0; margin: 0; }
img { max-width: 100%; height: auto; background: white; border-radius: 4px; }
code { background: #8882; padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
@media print {
  h1, h2, h3 { break-after: avoid; }
  img, tr, pre { break-inside: avoid; }
  th button::after { content: "" !important; }
}
@media (max-width: 40rem) {
  table { font-size: .72rem; }
  th, td { padding: .25rem .12rem; }
  th:first-child, td:first-child { padding-left: 0; }
  th:last-child, td:last-child { padding-right: 0; }
  th:not([aria-sort]) button::after { content: ""; }
  td[style*="right"]:has(span) { white-space: normal; }
  .wide { overflow-x: auto; }
  .wide img { max-width: none; width: 36rem; }
}
"""
SCRIPT = """
const number = text => parseFloat(text.replace(/^(p )?[<=] /, "").replace(/,/g, "").replace("\\u2212", "-"));
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  if (!body || body.rows.length < 3) continue;
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
      const rows = [...body.rows].map(row => [row, row.cells[column].textContent.trim()]);
      const numeric = rows.some(([, text]) => !isNaN(number(text)));
      rows.sort(([, a], [, b]) => {
        if (!numeric) return sign * a.localeCompare(b, undefined, {numeric: true});
        return isNaN(number(a)) - isNaN(number(b)) || sign * (number(a) - number(b)) || 0;
      });
      body.append(...rows.map(([row]) => row));
    });
  });
}
"""
"""Makes tables sortable by their headings, which become buttons: numbers first from the largest to the smallest."""

LONG = 5
"""Headings from which on a page has a list of contents."""
ESTIMATE = re.compile(r"(<td [^>]*right[^>]*>)([^<(±]+) ([(±][^<]+)</td>")
"""A cell of a page that holds a value and its interval or deviation: 64.4 % (62.8–65.9), 64.4 ± 0.3."""
TABLE_START = '<div class="table" role="group" aria-label="table" tabindex="0"><table>'
"""A wide table scrolls inside its box, by keyboard too."""
PICTURE = re.compile(r'<p>(<img [^>]*src="([^":/]+\.png)"[^>]*>)</p>')
WIDE = 1.6
"""Ratio of width to height from which on a picture scrolls inside its box on a phone, like a table."""
EXTENSIONS = ("tables", "sane_lists", "toc", "fenced_code", "md_in_html")


def page(title: str, text: str, folder: Path) -> str:
    """Returns the Markdown `text` as a complete HTML page with the PNGs of `folder` embedded.

    A table that is wider than the page scrolls inside it. From LONG headings on, a list of contents stands above the
    first of them.
    """
    converter = Markdown(extensions=EXTENSIONS)
    body = converter.convert(text)
    body = ESTIMATE.sub(r"\1<span>\2</span> <span>\3</span></td>", body)  # narrow lines break between the two
    body = body.replace("<table>", TABLE_START).replace("</table>", "</table></div>")
    body = PICTURE.sub(lambda match: in_box(match, folder), body)
    body = re.sub(r'src="([^":/]+\.png)"', lambda match: f'src="{embedded(folder / match[1])}"', body)
    tokens = converter.toc_tokens  # pyright: ignore[reportAttributeAccessIssue]  # set by the extension toc
    first, *others = re.split(r"(?=<h2)", body, maxsplit=1)
    body = "".join([first, contents(tokens), *others])
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title>'
    )
    script = f"<script>{SCRIPT}</script>" if "<table>" in body else ""
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n'
        f"<body><main>\n{body}\n</main>{script}</body></html>\n"
    )


def contents(tokens: Sequence[dict[str, Any]]) -> str:
    """Returns links to the headings of the second level; "" for fewer than LONG. tokens: of the extension "toc"."""
    headings = [heading for token in tokens for heading in [token, *token["children"]] if heading["level"] == 2]
    if len(headings) < LONG:
        return ""
    items = [f'<li><a href="#{heading["id"]}">{heading["html"]}</a></li>' for heading in headings]
    return "\n".join(['<nav aria-label="Contents"><ul>', *items, "</ul></nav>\n"])


def in_box(match: re.Match[str], folder: Path) -> str:
    """Returns the paragraph of a picture; a box that scrolls takes its place if the picture is wide."""
    with (folder / match[2]).open("rb") as file:
        header = file.read(24)  # of a PNG: it ends with width and height
    width, height = int.from_bytes(header[16:20], "big"), int.from_bytes(header[20:], "big")
    if width < WIDE * height:
        return match[0]
    return f'<div class="wide" role="group" aria-label="picture" tabindex="0">{match[1]}</div>'


def embedded(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
