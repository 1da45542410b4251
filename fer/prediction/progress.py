"""Shows a progress bar on a terminal."""

import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fer.prediction.stream import Result
from fer.streams import printable

PROGRESS_FROM = 50  # pictures from which a progress bar is shown


def progress(results: Iterator[Result], count: int) -> Iterator[Result]:
    """Yields the results, with a progress bar on a terminal for videos and for many pictures."""
    columns = [
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    ]
    console, started, frames = Console(stderr=True), time.perf_counter(), 0
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("pictures", total=count, rate="", visible=count >= PROGRESS_FROM)
        previous = None  # the video of the last frame
        for result in results:
            yield result
            if result.frame is None:
                bar.advance(task)
                continue
            frames += 1
            rate = f"{frames / (time.perf_counter() - started):.1f} frames/s"
            name = printable(result.source.name)[-40:]
            bar.update(task, advance=int(result.source is not previous), rate=rate, description=name, visible=True)
            previous = result.source
