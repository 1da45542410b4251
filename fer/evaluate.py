"""Evaluates one classifier, or several side by side, and writes a report.

    python -m fer.evaluate runs/train/defaults/seed-0
    python -m fer.evaluate latest
    python -m fer.evaluate runs/train/*/seed-0 --labels fer4
    python -m fer.evaluate best.ckpt --split test --tta flip --data ~/data/fer2013.csv
    python -m fer.evaluate pocket --data ~/data/fer2013.csv
    python -m fer.evaluate pocket latest --data ~/data/ck.csv --split all
    python -m fer.evaluate latest --data photos/ data.labels=list.csv labels.rename='{Suprise: surprise}'

Each input is a run's folder, a predictions.csv (or .csv.gz), a .ckpt or .pt file, or a shipped network. The report on
one input has accuracy with intervals, metrics of each class, confusions, calibration, coverage, ROC and
precision–recall curves. If network and images are available, it adds accuracy without copies of training images,
mistakes beside their nearest training images, explanations and robustness (--quick leaves these out). The report on
several inputs has a table, ensembles, McNemar's test and a paired bootstrap of every pair, and agreement.

--data names any data set that fer.train reads, with the options of the data as fer.train has them. Its classes are
matched by name with those of the network. Images of other classes are left out, and their number is said. A network
still decides among all of its classes; the report also has the accuracy among those of the images.

    python -m fer.evaluate runs/cross/*/seed-0 --merge opinions.csv

merges the opinions.csv of runs with data.fold=1/n … n/n into one file, which labels.soft reads; it writes no report.

Writes report.html, report.md, evaluation.json, PNGs and CSVs into <run>/evaluation-<split>/, or for files and several
inputs into runs/evaluate/<name>/. It evaluates the validation split unless --split names another. Each reading of the
test split is recorded in runs/<study>/test_reads.jsonl, and the report states their number.
"""

import math
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fer import config, runs
from fer.arguments import Parser, add_trust, again, path, place, run
from fer.commandline import assigned
from fer.commandline import command as command_line
from fer.errors import UserError
from fer.evaluation import inputs, predictions
from fer.evaluation.formatting import METRIC_TITLES, interval
from fer.evaluation.input_names import as_typed, unique_names
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.options import EvaluationOptions, is_data_option, parse_data, parse_numbers
from fer.evaluation.predictions import align
from fer.evaluation.records import record_of
from fer.files import Unwritable
from fer.memory import keep_freed
from fer.tta import VIEWS

FOLDER = Path("runs") / "evaluate"
"""Reports on files and on several inputs."""


def evaluate(paths: Sequence[Path], options: EvaluationOptions, out: Path | None = None, command: str = "") -> Path:
    """Writes the report and returns its folder.

    out: the folder, by default `default_folder`. command: as typed, for the record. Raises UserError for input that
    cannot be used.
    """
    keep_freed()
    options = replace(options, images=options.images and len(paths) == 1)
    names = unique_names(paths)
    sources = [inputs.read(path, name, options) for path, name in zip(paths, names, strict=True)]
    aligned, dropped = align({source.name: source.predictions(options.split) for source in sources})
    folder = writable(out or default_folder(sources, options))
    from fer.evaluation.report import write_report  # imports matplotlib: after the input is known to be valid

    if len(sources) == 1:
        complete_run(sources[0])
    content, files = write_report(folder, sources, aligned, dropped, options, command)
    print("\n".join(closing(content, sources, folder, files, options.data)))
    return folder


def complete_run(source: EvaluationInput) -> None:
    """Draws the pictures of a run that left them out, as short runs of a sweep do; see `fer.training.reporting`."""
    if source.datamodule is None or source.other_data or not source.path.is_dir():
        return
    from fer.training.reporting import complete

    written = predictions.read(source.path / runs.PREDICTIONS)
    with suppress(Unwritable):  # the report may go elsewhere
        if complete(source.path, record_of(source.path), written, source.datamodule):
            print(f"drew the pictures of {source.path}")


def default_folder(sources: Sequence[EvaluationInput], options: EvaluationOptions) -> Path:
    """Returns the folder of the report: in the run if one run is evaluated, else in runs/evaluate."""
    adjustment = f"adjusted{options.logit_adjustment:g}" if options.logit_adjustment else None
    suffix = "-".join(filter(None, (options.split, options.tta, options.labels, adjustment)))
    suffix = re.sub(r"[^\w,.-]+", "", suffix)
    if len(sources) == 1 and sources[0].path.is_dir():
        return sources[0].path / f"evaluation-{suffix}"
    name = sources[0].name.replace("/", "-")
    if len(sources) > 1:
        name += f"-and-{len(sources) - 1}-more"
    return FOLDER / f"{name}-{suffix}"


def writable(folder: Path) -> Path:
    """Creates the folder and returns it. Raises UserError if that is impossible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); choose another with --out FOLDER") from error
    return folder


def closing(
    content: Mapping[str, Any],
    sources: Sequence[EvaluationInput],
    folder: Path,
    files: Sequence[str],
    data: Sequence[str] | None = None,
) -> list[str]:
    """Returns the lines printed at the end: metrics, files, and the next command. data: what --data named."""
    estimates = content["models"] if "models" in content else {sources[0].name: content["accuracy"]["all images"]}
    lines = ["".join(f"{title:<22}" for title in METRIC_TITLES.values())]
    for name, values in estimates.items():
        lines.append("".join(f"{interval(values[key]):<22}" for key in METRIC_TITLES) + name)
    study = next((source.study for source in sources if source.study), None)
    paths = shlex.join(as_typed(source.path) for source in sources)
    if len(sources) > 1 and study:
        next_command = shlex.join(["python", "-m", "fer.study", study.name])
    else:
        places = "".join(f" --data {shlex.quote(place)}" for place in data or ())
        next_command = f"python -m fer.evaluate {paths} ANOTHER{places}{again()}    (side by side)"
    return [
        *(line.rstrip() for line in lines),
        *dict.fromkeys(sentence for source in sources for sentence in source.remarks),
        *content["reads"],
        f"wrote {folder}/: {', '.join(files)}",
        f"next: open {shlex.quote(str(folder / 'report.html'))}",
        f"      {next_command}",
    ]


def merge_opinions(folders: Sequence[Path], out: Path) -> None:
    """Merges the opinions of the runs into `out`, and prints a summary and the next command."""
    from fer.evaluation.opinions import merge

    table = merge(folders, out)
    accuracy = (table["true"] == table["predicted"]).mean()
    print(f"{len(table):,} training images of {len(folders)} parts; {100 * accuracy:.1f} % predicted as labelled")
    print(f"wrote {out}; next: {command_line('fer.train', [assigned('labels.soft', out)])}")


def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description=__doc__)
    parser.add_argument(
        "inputs", nargs="+", type=run("a run"), help="folders of runs, predictions.csv(.gz) or .ckpt files"
    )
    parser.add_argument(
        "--split",
        choices=("train", "val", "test", "all"),
        default="val",
        help="the evaluated split; train needs a checkpoint, all needs --data",
    )
    parser.add_argument("--labels", help="decide among these classes only: fer4, or happy,sad,neutral")
    parser.add_argument(
        "--data",
        type=path("--data"),
        metavar="PATH",
        action="append",
        help="the images; repeat the option for several paths; options such as data.labels=FILE apply to them",
    )
    parser.add_argument(
        "--numbers",
        help="the meaning of class folders of --data that are named by numbers: fer2013, affectnet or rafdb",
    )
    parser.add_argument(
        "--tta",
        choices=tuple(VIEWS),
        help="predict again, averaging over views of each face",
    )
    parser.add_argument(
        "--logit-adjustment",
        type=float,
        default=0.0,
        metavar="TAU",
        help="predict again, with TAU times the log share of each class in training subtracted from its logit",
    )
    parser.add_argument("--quick", action="store_true", help="use predictions only; read no images and no network")
    parser.add_argument(
        "--no-faces", action="store_true", help="leave out pictures of faces, for a report that is published"
    )
    parser.add_argument("--out", type=place("--out"), help="folder of the report")
    parser.add_argument(
        "--merge",
        type=place("--merge"),
        metavar="FILE",
        help="merge the opinions.csv of runs with data.fold into FILE; write no report",
    )
    add_trust(parser)
    words = sys.argv[1:] if arguments is None else arguments
    data_options = [word for word in words if is_data_option(word)]
    args = parser.parse_args([word for word in words if not is_data_option(word)])
    if not math.isfinite(args.logit_adjustment):
        raise UserError(f"--logit-adjustment {args.logit_adjustment}: expected a finite number, such as 1.0")
    if args.merge:
        merge_opinions(args.inputs, args.merge)
        return
    if data_options and not args.data:
        raise UserError(f"{data_options[0]}: an option of the data that --data names; add --data PATH")
    command = shlex.join(["python", "-m", "fer.evaluate", *words])
    options = EvaluationOptions(
        split=args.split,
        labels=args.labels,
        data=args.data,
        tta=args.tta,
        images=not args.quick,
        faces=not args.no_faces,
        numbers=parse_numbers(args.numbers),
        logit_adjustment=args.logit_adjustment,
        typed=parse_data(data_options),
    )
    evaluate(args.inputs, options, args.out, command)


if __name__ == "__main__":
    with config.one_line_errors():
        sys.exit(main())
