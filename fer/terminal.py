"""Shows a table of runs that changes in place, on a terminal."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fer.counting import counted

RUNNING, WAITING, DONE, FAILED, INTERRUPTED = "running", "waiting", "done", "failed", "stopped"
STYLES = {RUNNING: "bold", WAITING: "dim", DONE: "green", FAILED: "red"}
OTHER_LINES = 8
"""Lines of the terminal that the table leaves to what is printed above it."""


@dataclass(frozen=True)
class Row:
    """One run of a sweep or trial of a search, as text. epoch: such as "3/20"; left: the time until its end."""

    run: str
    state: str
    epoch: str = ""
    value: str = ""
    left: str = ""


class LiveTable:
    """A table of runs at the bottom of the terminal; what is printed meanwhile stands above it.

    rows, title: return the content of the moment. heading: of the column of values. refresh_per_second: of a thread;
    None: only `refresh` updates the table. Does nothing where the output is no terminal, see `is_interactive`.
    """

    shown = 0  # tables on the terminal now

    def __init__(
        self,
        rows: Callable[[], Sequence[Row]],
        title: Callable[[], str],
        heading: str,
        refresh_per_second: float | None = None,
    ):
        self.rows, self.title, self.heading = rows, title, heading
        self.live = None
        if is_interactive():
            self.console = Console(file=sys.stdout)  # even while a run writes into a log file
            self.live = Live(
                console=self.console,
                get_renderable=self.render,
                auto_refresh=refresh_per_second is not None,
                refresh_per_second=refresh_per_second or 1,
            )

    def __enter__(self) -> "LiveTable":
        if self.live:
            LiveTable.shown += 1
            self.live.start()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.live:
            self.live.stop()
            LiveTable.shown -= 1

    def refresh(self) -> None:
        if self.live:
            self.live.refresh()

    def render(self) -> Group:
        return table(self.rows(), self.title(), self.heading, max(3, self.console.height - OTHER_LINES))


def table(rows: Sequence[Row], title: str, heading: str, height: int) -> Group:
    """Returns the title and a table of at most `height` rows: those that run, then the latest to end, then the next."""
    kept = chosen(rows, height)
    cells = [(row.run, row.state, row.epoch, row.value, row.left) for row in kept]
    content = Table(box=None, pad_edge=False, header_style="underline")
    for number, name in enumerate(("run", "state", "epoch", heading, "left")):
        width = max((len(row[number]) for row in cells), default=0) if number else 6  # long names of runs are cut
        can_shrink = name in ("run", heading)  # rich narrows columns that may wrap; their text never does
        justify = "right" if number > 1 else "left"
        content.add_column(line(name), min_width=width, no_wrap=not can_shrink, justify=justify)
    for row, texts in zip(kept, cells, strict=True):
        content.add_row(*map(line, texts), style=STYLES.get(row.state, ""))
    rest = len(rows) - len(kept)
    return Group(content, Text(f"{title}; {counted(rest, 'more row')}" if rest else title, style="bold"))


def line(text: str) -> Text:
    """Returns text that is cut where its column is narrower."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def chosen(rows: Sequence[Row], count: int) -> list[Row]:
    """Returns at most `count` rows, in their order: those that run, then the last that ended, then the next to run."""
    numbers = [number for number, row in enumerate(rows) if row.state == RUNNING]
    ended = [number for number, row in enumerate(rows) if row.state not in (RUNNING, WAITING)]
    waiting = [number for number, row in enumerate(rows) if row.state == WAITING]
    return [rows[number] for number in sorted([*numbers, *reversed(ended), *waiting][:count])]


def is_interactive() -> bool:
    """Whether standard output is a terminal that can change lines in place."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def shows_table() -> bool:
    """Whether the terminal shows a table of runs now."""
    return LiveTable.shown > 0
