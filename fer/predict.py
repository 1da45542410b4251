"""Detects faces in pictures and videos and recognises their expressions.

    python -m fer.predict photo.jpg
    python -m fer.predict photos/ 'more/**/*.png' film.mp4 --csv=faces.csv --out annotated
    python -m fer.predict crops/ --no-detect --checkpoint runs/train/defaults/seed-0
    curl -s URL | python -m fer.predict - --json
    python -m fer.predict photo.jpg --probe

INPUT: pictures, videos, folders (searched recursively), glob patterns in quotes, or - for a picture on standard input.
Without --checkpoint it uses the network that ships with fer. A picture of up to 64×64 pixels counts as a cropped face;
with --no-detect every picture does. Prints a line for each face; --json or --csv without a file name writes to standard
output instead. The faces of a picture are numbered from 1, from left to right: lines, --csv and --json (`face`) and
the labels of --out share the number. In videos faces are tracked and keep their number, their probabilities are
smoothed, and --csv has a line for each face and frame.

Exit code: 0 if everything was read and every picture has a face; 1 if something could not be read; 3 if everything was
read and a picture has no face; 2 if nothing was done, with the reason.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fer.arguments import path, place, positive, whole
from fer.errors import UserError, one_line_errors
from fer.prediction.options import add_no_detect, add_predictor_options, predictor_from
from fer.streams import printable

if TYPE_CHECKING:
    from fer.prediction.outputs import Output
    from fer.prediction.pictures import Source
    from fer.prediction.predictor import Predictor
    from fer.prediction.stream import Result
    from fer.prediction.summary import Summary

BROKEN, NO_FACE = 1, 3  # exit codes
STDOUT = "-"
OPTIONAL_VALUE = ("--json", "--csv", "--show-input")
MAX_MARGIN = 10  # a larger --margin is a typing error
PROGRESS_FROM = 50  # pictures from which a progress bar is shown


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer.predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    add_predictor_options(parser)
    add_no_detect(parser)
    parser.add_argument("--margin", type=margin, help="side of the crop in sides of the detected box (default 1)")
    parser.add_argument("--every", type=whole, default=1, metavar="N", help="use every N-th frame of a video")
    parser.add_argument(
        "--json", type=path("--json"), metavar="FILE", help="--json or --json=FILE: a list of pictures with their faces"
    )
    parser.add_argument("--csv", type=path("--csv"), metavar="FILE", help="--csv or --csv=FILE: a line for each face")
    parser.add_argument(
        "--out", type=place("--out"), metavar="FOLDER", help="copies with boxes and labels; figures of --probe"
    )
    parser.add_argument(
        "--show-input",
        type=path("--show-input"),
        metavar="FOLDER",
        help="--show-input[=FOLDER]: the 48×48 pixels that the network saw of each face",
    )
    parser.add_argument("--probe", action="store_true", help="explain the answer for each face in a figure")
    parser.add_argument(
        "--data", type=path("--data"), metavar="PATH", action="append", help="for --probe: the training images"
    )
    parser.add_argument(
        "--numbers", help="what class folders of --data that are numbers stand for: fer2013, affectnet, rafdb"
    )
    parser.add_argument("--workers", type=whole, default=os.cpu_count(), help="threads that read and detect")
    return parser


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(with_default_values(sys.argv[1:] if arguments is None else arguments))
    if args.json == STDOUT and args.csv == STDOUT:
        raise UserError("--json and --csv cannot both go to standard output; give one a file: --csv=faces.csv")
    from fer.memory import keep_freed
    from fer.prediction import inputs, network

    keep_freed()
    sources = inputs.sources(args.inputs)
    predictor = predictor_from(args, differentiable=args.probe)
    if args.probe:
        return probe(args, sources, predictor)
    messages = sys.stderr if STDOUT in (args.json, args.csv) else sys.stdout
    print(network.describe(predictor.network), file=messages)
    return predict(args, sources, predictor, messages)


def with_default_values(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with `--json` as `--json=-`, and so for --csv and --show-input.

    argparse's nargs="?" would take the INPUT after `--json` for the name of the file.
    """
    return [f"{argument}={STDOUT}" if argument in OPTIONAL_VALUE else argument for argument in arguments]


def probe(args: argparse.Namespace, sources: Sequence["Source"], predictor: "Predictor") -> int:
    """Writes the figures of --probe; returns the exit code."""
    from fer.evaluation.options import parse_numbers
    from fer.prediction.probe import probe

    return probe(sources, predictor, args.out or Path("probe"), args.data, parse_numbers(args.numbers))


def predict(args: argparse.Namespace, sources: Sequence["Source"], predictor: "Predictor", messages: TextIO) -> int:
    """Recognises all sources and writes the results; returns the exit code."""
    from fer.prediction.outputs import check_standard_output
    from fer.prediction.summary import Summary

    started, summary, outputs = time.perf_counter(), Summary(), outputs_from(args, predictor)
    on_stdout = STDOUT in (args.json, args.csv)
    try:
        for result in progress(all_results(sources, predictor, args), len(sources)):
            for output in (summary, *outputs):
                output.add(result)
            if on_stdout and len(outputs) == 1:  # without a reader of it there is nothing left to do
                check_standard_output()
    finally:
        written = [line for output in outputs if (line := output.close())]
    if on_stdout:
        check_standard_output()
    seconds = time.perf_counter() - started
    print("\n".join([*summary.lines(), *closing_lines(summary, seconds, written, args)]), file=messages)
    if summary.broken:
        return BROKEN
    return NO_FACE if summary.empty else 0


def all_results(sources: Sequence["Source"], predictor: "Predictor", args: argparse.Namespace) -> Iterator["Result"]:
    """Yields the results of pictures and frames in the order of the sources."""
    from fer.prediction.inputs import is_video
    from fer.prediction.stream import results

    for video, group in itertools.groupby(sources, is_video):
        if not video:
            yield from results(group, predictor, args.workers)
            continue
        for source in group:
            yield from video_results(source, predictor, args)


def video_results(source: "Source", predictor: "Predictor", args: argparse.Namespace) -> Iterator["Result"]:
    """Yields a result for each frame, and one with an error if the video is damaged or cannot be read."""
    from fer.pictures import Unreadable
    from fer.prediction.stream import Result
    from fer.prediction.video import Video, track_faces

    try:
        yield from track_faces(source, Video(source.content).frames(args.every), predictor, args.workers)
    except Unreadable as error:
        yield Result(source, error=str(error), reason=error.reason)


def outputs_from(args: argparse.Namespace, predictor: "Predictor") -> list["Output"]:
    """Opens the outputs that the options name."""
    from fer.prediction import outputs

    opened: list[Output] = []
    if args.json:
        opened.append(outputs.Json(args.json))
    if args.csv:
        opened.append(outputs.Csv(args.csv, predictor.network.classes))
    if args.out:
        opened.append(outputs.Annotated(args.out))
    if args.show_input == STDOUT:  # --show-input without a folder
        opened.append(outputs.NetworkView((args.out or Path()) / "input"))
    elif args.show_input:
        opened.append(outputs.NetworkView(Path(args.show_input)))
    return opened


def progress(results: Iterator["Result"], count: int) -> Iterator["Result"]:
    """Yields the results, with a progress bar on a terminal for videos and for many pictures."""
    from rich.console import Console
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


def closing_lines(summary: "Summary", seconds: float, written: Sequence[str], args: argparse.Namespace) -> list[str]:
    """Returns the rate, the files that were written, and what to type next."""
    from fer.prediction.next_step import after_recognition

    count, unit = (summary.frames, "frames") if summary.frames else (summary.pictures, "pictures")
    lines = [f"{seconds:.1f} s, {count / seconds:,.1f} {unit}/s"]
    lines += [f"wrote {line}" for line in written]
    if not written and (summary.labels or not summary.broken):
        lines.append("wrote no file; --csv=FILE, --json=FILE and --out FOLDER do")
    return [*lines, *after_recognition(summary, args)]


def margin(text: str) -> float:
    """The type of --margin. Raises ArgumentTypeError unless it is above 0 and below 10."""
    value = positive(text)
    if value >= MAX_MARGIN:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0 and below {MAX_MARGIN}, such as 1.1")
    return value


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
