"""Detects faces in pictures and videos and recognises their expressions.

    python -m fer.predict photo.jpg
    python -m fer.predict photos/ 'more/**/*.png' film.mp4 --csv=faces.csv --out annotated
    python -m fer.predict crops/ --no-detect --checkpoint runs/train/defaults/seed-0
    curl -s URL | python -m fer.predict - --json
    python -m fer.predict film.mp4 --start 1:30 --end 2:00 --out annotated
    python -m fer.predict rtsp://camera.local/stream --csv=timeline.csv
    python -m fer.predict photo.jpg --probe

INPUT: pictures, videos, folders (searched recursively), glob patterns in quotes, - for a picture or video on standard
input, the number of a camera, or an address: of a stream (rtsp://, or http:// with the suffix of a video or .m3u8), or
of a picture with --allow-url. Ctrl-C ends a camera or stream; one that is interrupted is opened again up to five times.
Without --checkpoint it uses the network that ships with fer. A picture of up to 64×64 pixels counts as a cropped face;
with --no-detect every picture does. Prints a line for each face; --json or --csv without a file name writes to standard
output instead. The faces of a picture are numbered from 1, from left to right: lines, --csv and --json (`face`) and
the labels of --out share the number. In videos faces are tracked and keep their number, their probabilities are
smoothed, and --csv has a line for each face and frame.

Exit code: 0 if everything was read and every picture has a face; 1 if something could not be read; 3 if everything was
read and a picture has no face; 2 if nothing was done, with the reason.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from fer.arguments import Parser, path, place, positive, whole
from fer.errors import Interrupted, UserError, one_line_errors
from fer.prediction.options import add_no_detect, add_predictor_options, predictor_from
from fer.threads import all_cores

if TYPE_CHECKING:
    from fer.prediction.outputs import Output
    from fer.prediction.pictures import Source
    from fer.prediction.predictor import Predictor
    from fer.prediction.summary import Summary

BROKEN, NO_FACE = 1, 3  # exit codes
STDOUT = "-"
OPTIONAL_VALUE = ("--json", "--csv", "--show-input")
MAX_MARGIN = 10  # a larger --margin is a typing error


def parser() -> argparse.ArgumentParser:
    parser = Parser(prog="fer.predict", description=__doc__)
    parser.add_argument("inputs", nargs="+", metavar="INPUT")
    add_predictor_options(parser)
    add_no_detect(parser)
    parser.add_argument("--margin", type=margin, help="side of the crop in sides of the detected box (default 1)")
    parser.add_argument("--every", type=whole, default=1, metavar="N", help="use every N-th frame of a video")
    parser.add_argument("--start", type=time_of, default=0.0, metavar="TIME", help="begin a video here: 90, or 1:30")
    parser.add_argument("--end", type=time_of, default=inf, metavar="TIME", help="end a video before this time")
    parser.add_argument("--allow-url", action="store_true", help="download pictures at http and https addresses")
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
    parser.add_argument("--workers", type=whole, default=len(all_cores()), help="threads that read and detect")
    return parser


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(with_default_values(sys.argv[1:] if arguments is None else arguments))
    if args.json == STDOUT and args.csv == STDOUT:
        raise UserError("--json and --csv cannot both go to standard output; give one a file: --csv=faces.csv")
    from fer.memory import keep_freed
    from fer.prediction import inputs
    from fer.prediction.predictor import describe

    keep_freed()
    sources = inputs.sources(args.inputs, args.allow_url)
    predictor = predictor_from(args, differentiable=args.probe)
    if args.probe:
        return probe(args, sources, predictor)
    messages = sys.stderr if STDOUT in (args.json, args.csv) else sys.stdout
    print(describe(predictor), file=messages)
    return predict(args, sources, predictor, messages)


def with_default_values(arguments: Sequence[str]) -> list[str]:
    """Returns the arguments with `--json` as `--json=-`, and so for --csv and --show-input.

    argparse's nargs="?" would take the INPUT after `--json` for the name of the file. `--csv faces.csv` is
    `--csv=faces.csv`, and `--json faces.json` likewise, since no input has such a name.
    """
    values: list[str] = []
    for argument in arguments:
        if values and values[-1] in (f"--json={STDOUT}", f"--csv={STDOUT}"):
            option = values[-1].removesuffix(f"={STDOUT}")
            if argument.endswith(option.replace("--", ".")):
                values[-1] = f"{option}={argument}"
                continue
        values.append(f"{argument}={STDOUT}" if argument in OPTIONAL_VALUE else argument)
    return values


def probe(args: argparse.Namespace, sources: Sequence["Source"], predictor: "Predictor") -> int:
    """Writes the figures of --probe; returns the exit code."""
    from fer.evaluation.options import parse_numbers
    from fer.prediction.probe import probe

    return probe(sources, predictor, args.out or Path("probe"), args.data, parse_numbers(args.numbers))


def predict(args: argparse.Namespace, sources: Sequence["Source"], predictor: "Predictor", messages: TextIO) -> int:
    """Recognises all sources and writes the results; returns the exit code."""
    from fer.prediction.outputs import check_standard_output
    from fer.prediction.progress import progress
    from fer.prediction.reading import Part, all_results
    from fer.prediction.summary import Summary

    started, summary, outputs = time.perf_counter(), Summary(), outputs_from(args, predictor)
    on_stdout, part = STDOUT in (args.json, args.csv), Part(args.every, args.start, args.end)
    try:
        for result in progress(all_results(sources, predictor, args.workers, part), sources):
            for output in (summary, *outputs):
                output.add(result)
            if on_stdout and len(outputs) == 1:  # without a reader of it there is nothing left to do
                check_standard_output()
    except Interrupted:
        if not any(source.kind == "live" for source in sources):
            raise  # but a camera has no other end
    finally:
        written = [line for output in outputs if (line := output.close())]
    if on_stdout:
        check_standard_output()
    seconds = time.perf_counter() - started
    print("\n".join([*summary.lines(), *closing_lines(summary, seconds, written, args)]), file=messages)
    if summary.broken:
        return BROKEN
    return NO_FACE if summary.empty else 0


def outputs_from(args: argparse.Namespace, predictor: "Predictor") -> list["Output"]:
    """Opens the outputs that the options name."""
    from fer.prediction import copies, outputs

    opened: list[Output] = []
    if args.json:
        opened.append(outputs.Json(args.json))
    if args.csv:
        opened.append(outputs.Csv(args.csv, predictor.network.classes))
    if args.out:
        opened.append(copies.Annotated(args.out))
    if args.show_input == STDOUT:  # --show-input without a folder
        opened.append(copies.NetworkView((args.out or Path()) / "input"))
    elif args.show_input:
        opened.append(copies.NetworkView(Path(args.show_input)))
    return opened


def closing_lines(summary: "Summary", seconds: float, written: Sequence[str], args: argparse.Namespace) -> list[str]:
    """Returns the rate, the files that were written, and what to type next."""
    from fer.prediction.next_step import after_recognition

    count, unit = (summary.frames, "frames") if summary.frames else (summary.pictures, "pictures")
    lines = [f"{seconds:.1f} s, {count / seconds:,.1f} {unit}/s"]
    lines += [f"wrote {line}" for line in written]
    if not written and (summary.labels or not summary.broken):
        lines.append("wrote no file; --csv=FILE, --json=FILE and --out FOLDER do")
    return [*lines, *after_recognition(summary, args)]


def time_of(text: str) -> float:
    """The type of --start and --end: seconds, minutes:seconds or hours:minutes:seconds."""
    parts = text.split(":")
    try:
        value = sum(float(part) * 60**power for power, part in enumerate(reversed(parts)))
    except ValueError:
        value = -1.0
    if len(parts) > 3 or not 0 <= value < inf:
        raise argparse.ArgumentTypeError(f"{text}: expected seconds such as 90, or 1:30, or 0:01:30")
    return value


def margin(text: str) -> float:
    """The type of --margin. Raises ArgumentTypeError unless it is above 0 and below 10."""
    value = positive(text)
    if value >= MAX_MARGIN:
        raise argparse.ArgumentTypeError(f"{text}: expected a number above 0 and below {MAX_MARGIN}, such as 1.1")
    return value


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
