"""Puts a trained network into fer/weights, where commands find the networks that ship.

    python -m fer.exporting.ship runs/standard/fer2013/seed-0 runs/standard/fer2013/seed-1 --name standard

Of several runs of one recipe, which differ in their seeds, the best on PublicTest ships, and the card has them all.
Writes <name>.pt and <name>.onnx with weights in float16, the model card <name>.md, and SHA256SUMS; networks of other
names stay. The figures of the card come from the runs' predictions of the test split, and this reading of the test
split is recorded as by fer.evaluate. Refuses a network or a file that is larger than LIMITS allow for its name, and a
run on other data than FER2013's official split.
"""

import argparse
import hashlib
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from fer.arguments import add_trust
from fer.errors import UserError, one_line_errors
from fer.evaluation import confidence, inputs, readings, sections
from fer.evaluation.formatting import percent
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.options import EvaluationOptions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import Record, record_of
from fer.evaluation.robustness import accuracy_curves
from fer.evaluation.single import subsets
from fer.exporting.formats import export
from fer.exporting.timing import milliseconds
from fer.files import atomic, write_text
from fer.hardware import cpu_name
from fer.identity import configuration_identity
from fer.report import Report
from fer.shipped import NAMES, SUMS, WEIGHTS, read_sums
from fer.studies import redaction
from fer.studies.redaction import command_without_paths

FORMATS = {"weights": ".pt", "onnx": ".onnx"}
ROBUSTNESS_IMAGES = 500


class Limit(NamedTuple):
    """The most parameters of a network, and the most bytes of each of its files."""

    parameters: int
    size: int


LIMITS = {
    "standard": Limit(2_400_000, 5_000_000),
    "pocket": Limit(450_000, 1_000_000),
    "tiny": Limit(60_000, 160_000),
}
USE = """## Use

Made for trying out, for teaching and for research on facial expressions. It tells which of seven expressions a face
*shows*, as the people who labelled FER2013 would have named it; it knows nothing of what a person feels, wants or is.
It must not decide anything about people: not in hiring, teaching, policing, medicine or insurance, and not to watch
anybody who has not agreed to it.

Faces are cropped squares of 48×48 grey pixels. Profiles, covered faces, children and faces unlike those that an image
search of 2013 found for English words are recognised worse; FER2013 says nothing about age, gender or origin, so how
much worse for whom is not measured. Its labels are disputed: other people who looked at the same faces often saw
something else."""
LICENCE = """## Licence

The weights come with the licence of this project. They were trained on FER2013 (Goodfellow et al. 2013), whose images
were collected from the web for research; for any other use of the weights, judge this yourself.
No image is part of these files."""


def ship(runs: Sequence[Path], name: str, command: str, folder: Path = WEIGHTS) -> list[Path]:
    """Writes the files; returns their paths. Raises UserError for runs that cannot be shipped."""
    records = {run: record_of(run) for run in runs}
    for run, record in records.items():
        check(run, record, LIMITS[name])
    if len({configuration_identity(record) for record in records.values()}) > 1:
        raise UserError(f"{runs[0]} and the others are runs of different options; give the seeds of one recipe")
    best = max(runs, key=lambda run: records[run]["val/accuracy"])
    folder.mkdir(parents=True, exist_ok=True)
    files = [export(best, kind, "fp16", None, folder / f"{name}{suffix}") for kind, suffix in FORMATS.items()]
    check_sizes(files, LIMITS[name])
    write_text(folder / f"{name}.md", card(best, records, name, command, files))
    write_sums(folder, files)
    return [*files, folder / f"{name}.md", folder / SUMS]


def check(run: Path, record: Record, limit: Limit) -> None:
    """Raises UserError unless the run is finished, small enough and trained on FER2013's official split."""
    if record.get("status") != "finished":
        raise UserError(f"{run}: not a finished run; name the folder that fer.train wrote")
    data = record["data"]
    if not data["official_split"] or data["origin"] != "FER2013":
        raise UserError(f"{run}: trained on {data['origin']}; what ships is trained on FER2013's official split")
    if record["parameters"] > limit.parameters:
        raise UserError(f"{run}: {record['parameters']:,} parameters, more than the limit of {limit.parameters:,}")


def check_sizes(files: Sequence[Path], limit: Limit) -> None:
    """Deletes the files and raises UserError if one is too large."""
    for path in files:
        size = path.stat().st_size
        if size > limit.size:
            for file in files:
                file.unlink()
            raise UserError(f"{path} has {size:,} bytes, more than {limit.size:,}; train a smaller network")


def write_sums(folder: Path, files: Sequence[Path]) -> None:
    """Adds the files to SHA256SUMS, or replaces their lines."""
    sums = read_sums(folder / SUMS) | {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    with atomic(folder / SUMS) as file:
        file.writelines(f"{digest}  {name}\n" for name, digest in sorted(sums.items()))


def card(best: Path, records: Mapping[Path, Record], name: str, command: str, files: Sequence[Path]) -> str:
    """Returns the model card as Markdown. best: the run that ships; records: of all runs."""
    source = inputs.read(best, name, EvaluationOptions(split="test"))
    test = source.predictions("test")
    report = Report(f"{name}: seven expressions of faces")
    report.text(protocol(records[best], command))
    report.text(f"Files: {', '.join(f'`{path.name}` ({path.stat().st_size / 1e6:.2f} MB)' for path in files)}.")
    report.text(speed(next(path for path in files if path.suffix == ".onnx")))
    if len(records) > 1:
        add_seeds(report, list(records.values()), records[best])
    parts, remarks = subsets(source, test)
    rows = {"all images, PublicTest": source.predictions("val")}
    for name_of_part, predictions in parts.items():
        rows[f"{name_of_part}, PrivateTest"] = predictions
    sections.add_accuracy(report, rows)
    for remark in [*remarks, *readings.record_readings([source], best, command)]:
        report.text(redaction.ABSOLUTE.sub("PATH", remark))
    sections.add_classes(report, {"test": test})
    add_confusions(report, test)
    report.text(calibration(source.splits))
    add_robustness(report, source)
    report.text(USE)
    report.text(LICENCE)
    return report.markdown


def protocol(record: Record, command: str) -> str:
    """Returns a paragraph on the network, its training data and the source of the figures."""
    machine = record["hardware"]
    where = machine["gpu"] or f"{machine['cpu']}, threads: {machine['threads']}"
    trained = command_without_paths(record["command"]) if record["command"] else "(trained from Python)"
    views = record["config"]["classifier"]["tta"]
    return (
        f"A network of {record['parameters']:,} parameters, trained on the training part of FER2013 for "
        f"{record['epochs']} epochs with seed {record['config']['seed']}, in {record['fit_seconds'] / 60:.0f} minutes "
        f"on {where}. The epoch was chosen on PublicTest; PrivateTest was predicted once, at the end. Test-time "
        f"augmentation: {views}.\n\n```\n{trained}\n{command_without_paths(command)}\n```\n\n"
        f"Commit {record['commit']}."
    )


def speed(path: Path) -> str:
    """Returns a sentence on the time of the .onnx file."""
    time = milliseconds({path.stem: [path.read_bytes()]})[path.stem]
    return f"A face takes {time:.2f} ms on one core ({cpu_name()}; `{path.name}`, all views, one face at a time)."


def add_seeds(report: Report, records: Sequence[Record], best: Record) -> None:
    """Adds accuracy and macro F1 of every seed, and their means and standard deviations."""
    columns = {"PublicTest": "val/accuracy", "PrivateTest": "test/accuracy", "macro F1, PrivateTest": "test/macro_f1"}
    report.heading("Seeds")
    rows = [
        {"seed": str(record["config"]["seed"]), **{title: percent(record[key]) for title, key in columns.items()}}
        for record in records
    ]
    values = {title: 100 * np.array([record[key] for record in records]) for title, key in columns.items()}
    spread = {title: f"{part.mean():.1f} ± {part.std(ddof=1):.1f} %" for title, part in values.items()}
    report.table(pd.DataFrame([*rows, {"seed": "mean ± standard deviation", **spread}]))
    report.text(f"Seed {best['config']['seed']}, the best on PublicTest, ships; all that follows is of it.")


def add_robustness(report: Report, source: EvaluationInput) -> None:
    """Adds the accuracy on corrupted images of PublicTest, or the reason why it is missing."""
    report.heading("Robustness")
    if source.network is None:
        report.text(redaction.ABSOLUTE.sub("PATH", f"Not measured: {source.images_missing}."))
        return
    curves = accuracy_curves(source.network.classifier, source.network.split("val"), ROBUSTNESS_IMAGES)
    table = curves.pivot(index="corruption", columns="strength", values="accuracy").map(percent)
    weakest, strongest = (
        curves[curves["strength"] == strength].set_index("corruption")["meaning"] for strength in (1, 5)
    )
    table.insert(0, "from", weakest.reindex(table.index))
    table.insert(1, "to", strongest.reindex(table.index))
    report.table(table.reset_index())
    report.text(
        f"Accuracy on {ROBUSTNESS_IMAGES:,} images of PublicTest, untouched (0) and corrupted at five strengths."
    )


def calibration(splits: Mapping[str, Predictions]) -> str:
    """Returns the section on calibration."""
    table = confidence.add_calibration(Report(""), splits, ["test"])["test"]
    before, after = (percent(table[state]["ece"]) for state in (confidence.UNSCALED, confidence.SCALED))
    return (
        f"## Calibration\n\nLogits are divided by the temperature {table['temperature'][0]:.2f}, fitted on "
        f"PublicTest: on PrivateTest their expected calibration error (Guo et al. 2017, 15 bins) is {after}, and "
        f"{before} without."
    )


def add_confusions(report: Report, test: Predictions) -> None:
    """Adds the confusion matrix as a table."""
    report.heading("Confusions")
    table = pd.DataFrame(test.confusion, columns=list(test.classes))
    table.insert(0, "true", test.classes)
    report.table(table)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folders of finished runs of one recipe")
    parser.add_argument("--name", required=True, choices=NAMES, help="name of the files")
    parser.add_argument("--out", type=Path, default=WEIGHTS, metavar="FOLDER", help="default: fer/weights")
    add_trust(parser)
    args = parser.parse_args(arguments)
    options = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "fer.exporting.ship", *options])
    paths = ship(args.runs, args.name, command, args.out)
    print("\n".join(f"wrote {path}" for path in paths))
    print(f"next: python -m fer.predict PICTURE --checkpoint {args.name}")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
