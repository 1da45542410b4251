"""Shows a progress bar on a terminal."""

import sys
import time
from collections.abc import Iterator, Sequence

from fer.prediction.inputs import is_video
from fer.prediction.pictures import Source
from fer.prediction.stream import Result
from fer.streams import printable

PROGRESS_FROM = 50  # pictures from which a progress bar is shown


def progress(results: Iterator[Result], sources: Sequence[Source]) -> Iterator[Result]:
    """Yields the results, with a progress bar on a terminal for videos and for many pictures."""
    if sys.stderr.isatty() and (len(sources) >= PROGRESS_FROM or any(map(is_video, sources))):
        return with_bar(results, len(sources))
    return results


def with_bar(results: Iterator[Result], count: int) -> Iterator[Result]:
    from rich.console import Console  # late, since it takes as long as a photo
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

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
