"""Finds faces in pictures and videos and recognises their expressions.

    python -m fer.predict photo.jpg
    python -m fer.predict photos/ 'more/**/*.png' film.mp4 --csv=faces.csv --out annotated
    python -m fer.predict crops/ --no-detect --checkpoint runs/train/defaults/seed-0
    curl -s URL | python -m fer.predict - --json
    python -m fer.predict photo.jpg --probe

INPUT: pictures, videos, folders (with all below), patterns in quotes, or - for a picture on standard input. Without
--checkpoint the network that ships with fer. A picture of up to 64×64 pixels is taken for a face, as all are with
--no-detect. Prints a line a face; with --json or --csv alone these go to standard output in its place. In videos faces
are followed and their probabilities smoothed; --csv is then a timeline, a line a face and frame.

Exit code: 0 all read and a face in every picture; 1 something could not be read; 3 read, but no face in some; 2 nothing
done, for the reason given.
"""

import argparse
import itertools
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fer.arguments import add_trust, again, path, place, positive, run, share, whole
from fer.errors import UserError, one_line_errors
from fer.streams import printable

if TYPE_CHECKING:
    from fer.prediction.outputs import Output
    from fer.prediction.predictor import Predictor
    from fer.prediction.stream import Result
    from fer.prediction.summary import Summary

BROKEN, NO_FACE = 1, 3
OPTIONAL = ("--json", "--csv", "--show-input")
WIDEST = 10  # sides of the box found, from which on a margin is a typo
MANY = 50  # pictures from which on a progress bar is worth its line


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fer.predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    parser.add_argument(
        "--checkpoint", type=run("--checkpoint"), metavar="FILE", help="a run's folder, a .ckpt, or fer.export's .onnx"
    )
    parser.add_argument("--no-detect", action="store_true", help="every picture is a face, cropped already")
    parser.add_argument(
        "--yunet", type=place("--yunet"), metavar="MODEL", help="find faces with this YuNet .onnx of OpenCV's zoo"
    )
    parser.add_argument("--margin", type=margin, help="side of the crop in sides of the box found (default 1)")
    parser.add_argument("--threshold", type=share, default=0.0, help='"unsure" where no probability reaches it')
    parser.add_argument("--every", type=whole, default=1, metavar="N", help="of a video, every N-th frame only")
    parser.add_argument(
        "--json", type=path("--json"), metavar="FILE", help="--json or --json=FILE: a list of pictures with their faces"
    )
    parser.add_argument("--csv", type=path("--csv"), metavar="FILE", help="--csv or --csv=FILE: a line a face")
    parser.add_argument(
        "--out", type=place("--out"), metavar="FOLDER", help="copies with boxes and labels; pictures of --probe"
    )
    parser.add_argument(
        "--show-input",
        type=path("--show-input"),
        metavar="FOLDER",
        help="--show-input[=FOLDER]: faces as the network saw them",
    )
    parser.add_argument("--probe", action="store_true", help="explain each answer in one picture")
    parser.add_argument(
        "--data",
        type=path("--data"),
        metavar="PATH",
        action="append",
        help="for --probe: where the training images lie",
    )
    parser.add_argument("--workers", type=whole, default=os.cpu_count(), help="threads that read and search")
    add_trust(parser)
    return parser


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    args = parser().parse_args([f"{a}=-" if a in OPTIONAL else a for a in arguments])
    if "-" == args.json == args.csv:
        raise UserError("--json and --csv cannot both go to standard output; give one a file: --csv=faces.csv")
    from fer.memory import keep_freed
    from fer.prediction import inputs, network

    keep_freed()
    sources = inputs.sources(args.inputs)
    predictor = predictor_of(args)
    if args.probe:
        from fer.prediction.probe import probe

        return probe(sources, predictor, args.out or Path("probe"), args.data)
    say = sys.stderr if "-" in (args.json, args.csv) else sys.stdout
    print(network.about(predictor.network), file=say)
    return predict(args, sources, predictor, say)


def predictor_of(args: argparse.Namespace) -> "Predictor":
    """Network and detector that the options name."""
    from fer.prediction import detect, network
    from fer.prediction.predictor import Predictor

    detector = None
    if not args.no_detect:
        detector = detect.YuNet(args.yunet) if args.yunet else detect.Haar()
    return Predictor(
        network.load(args.checkpoint, inside=args.probe), detector, args.threshold, args.margin or detect.MARGIN
    )


def predict(args: argparse.Namespace, sources: Sequence, predictor: "Predictor", say) -> int:
    """Runs everything through the predictor and into the outputs; returns the exit code."""
    from fer.prediction.outputs import check_delivered
    from fer.prediction.summary import Summary

    started, summary, outputs = time.perf_counter(), Summary(), outputs_of(args, predictor)
    answers = "-" in (args.json, args.csv)
    try:
        for result in progress(everything(sources, predictor, args), len(sources)):
            for output in (summary, *outputs):
                output.add(result)
            if answers and len(outputs) == 1:  # nothing else is left to do for anybody
                check_delivered()
    finally:
        written = [line for output in outputs if (line := output.close())]
    if answers:
        check_delivered()
    print("\n".join([*summary.lines(), *closing(summary, time.perf_counter() - started, written, args)]), file=say)
    return BROKEN if summary.broken else NO_FACE if summary.empty else 0


def everything(sources: Sequence, predictor: "Predictor", args: argparse.Namespace):
    """The results of pictures and of frames, in the order of the sources."""
    from fer.prediction.inputs import is_video
    from fer.prediction.stream import results

    for video, group in itertools.groupby(sources, is_video):
        if not video:
            yield from results(group, predictor, args.workers)
            continue
        for source in group:
            yield from of_video(source, predictor, args)


def of_video(source, predictor: "Predictor", args: argparse.Namespace):
    from fer.pictures import Unreadable
    from fer.prediction.stream import Result
    from fer.prediction.video import Video, followed

    try:
        yield from followed(source, Video(source.content).frames(args.every), predictor, args.workers)
    except Unreadable as error:
        yield Result(source, error=str(error))


def outputs_of(args: argparse.Namespace, predictor: "Predictor") -> list["Output"]:
    from fer.prediction import outputs

    wanted: list[Output] = []
    if args.json:
        wanted.append(outputs.Json(args.json))
    if args.csv:
        wanted.append(outputs.Csv(args.csv, predictor.network.classes))
    if args.out:
        wanted.append(outputs.Annotated(args.out))
    if args.show_input:
        folder = (args.out or Path()) / "input" if args.show_input == "-" else Path(args.show_input)
        wanted.append(outputs.NetworkView(folder))
    return wanted


def progress(results: Iterator["Result"], count: int) -> Iterator["Result"]:
    """The same, with a bar on a terminal where it takes a while."""
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
        task, last = bar.add_task("pictures", total=count, rate="", visible=count >= MANY), None
        for result in results:
            yield result
            if result.frame is None:
                bar.advance(task)
                continue
            frames, first = frames + 1, result.source is not last
            rate = f"{frames / (time.perf_counter() - started):.1f} frames/s"
            bar.update(task, advance=first, rate=rate, description=printable(result.source.name)[-40:], visible=True)
            last = result.source


def closing(summary: "Summary", seconds: float, written: Sequence[str], args: argparse.Namespace) -> list[str]:
    """How long it took, what was written, and what to type next."""
    done, unit = (summary.frames, "frames") if summary.frames else (summary.pictures, "pictures")
    lines = [f"{seconds:.1f} s, {done / seconds:,.1f} {unit}/s"]
    lines += [f"wrote {line}" for line in written] or ["wrote no file; --csv=FILE, --json=FILE and --out FOLDER do"]
    if summary.empty and not args.no_detect:
        return [*lines, "next: --no-detect takes pictures that are faces already; --yunet MODEL finds turned faces too"]
    mine = f" --checkpoint {shlex.quote(str(args.checkpoint))}{again()}" if args.checkpoint else ""
    return [*lines, f"next: python -m fer.predict PICTURE{mine} --probe    (explains the answer)"]


def margin(text: str) -> float:
    value = positive(text)
    if value >= WIDEST:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0 and below {WIDEST}, such as 1.1")
    return value


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
