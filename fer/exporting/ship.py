"""Puts a trained network into fer/weights, where commands find their default network.

    python -m fer.exporting.ship runs/pocket/fer2013/seed-0 --name pocket

Writes <name>.pt and <name>.onnx with weights in float16, the model card <name>.md, and SHA256SUMS. It replaces the
network that shipped before. The figures of the card come from the run's predictions of the test split, and this reading
of the test split is recorded as by fer.evaluate. Refuses a network of more than half a million parameters, a file of
more than a megabyte, and a run on other data than FER2013's official split.
"""

import argparse
import hashlib
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fer.arguments import add_trust
from fer.errors import UserError, one_line_errors
from fer.evaluation import confidence, inputs, readings, sections
from fer.evaluation.formatting import percent
from fer.evaluation.options import EvaluationOptions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import record_of
from fer.evaluation.single import subsets
from fer.exporting.formats import export
from fer.report import Report
from fer.shipped import SUMS, WEIGHTS
from fer.studies import redaction
from fer.studies.redaction import command_without_paths

MAX_PARAMETERS, MAX_BYTES = 500_000, 1_000_000
FORMATS = {"weights": ".pt", "onnx": ".onnx"}
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


def ship(run: Path, name: str, command: str, folder: Path = WEIGHTS) -> list[Path]:
    """Writes the files; returns their paths. Raises UserError for a run that cannot be shipped."""
    record = record_of(run)
    check(run, record)
    folder.mkdir(parents=True, exist_ok=True)
    files = [export(run, kind, "fp16", None, folder / f"{name}{suffix}") for kind, suffix in FORMATS.items()]
    for path in files:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(f"{path} has {size:,} bytes, more than {MAX_BYTES:,}; train a smaller network")
    for old in set(folder.iterdir()) - set(files):
        old.unlink()
    text = card(run, record, name, command, files)
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / SUMS).write_text("".join(sums), encoding="utf-8")
    return [*files, folder / f"{name}.md", folder / SUMS]


def check(run: Path, record: dict[str, Any]) -> None:
    """Raises UserError unless the run is finished, small enough and trained on FER2013's official split."""
    if record.get("status") != "finished":
        raise UserError(f"{run}: not a finished run; name the folder that fer.train wrote")
    data = record["data"]
    if not data["official_split"] or data["origin"] != "FER2013":
        raise UserError(f"{run}: trained on {data['origin']}; what ships is trained on FER2013's official split")
    if record["parameters"] > MAX_PARAMETERS:
        raise UserError(f"{run}: {record['parameters']:,} parameters, more than the limit of {MAX_PARAMETERS:,}")


def card(run: Path, record: dict[str, Any], name: str, command: str, files: list[Path]) -> str:
    """Returns the model card as Markdown."""
    source = inputs.read(run, name, EvaluationOptions(split="test"))
    test = source.predictions("test")
    report = Report(f"{name}: seven expressions of faces")
    report.text(protocol(record, command))
    report.text(f"Files: {', '.join(f'`{path.name}` ({path.stat().st_size / 1e6:.2f} MB)' for path in files)}.")
    parts, remarks = subsets(source, test)
    rows = {"all images, PublicTest": source.predictions("val")}
    for name_of_part, predictions in parts.items():
        rows[f"{name_of_part}, PrivateTest"] = predictions
    sections.add_accuracy(report, rows)
    for remark in [*remarks, *readings.record_readings([source], run, command)]:
        report.text(redaction.ABSOLUTE.sub("PATH", remark))
    sections.add_classes(report, {"test": test})
    add_confusions(report, test)
    report.text(calibration(source.splits))
    report.text(USE)
    report.text(LICENCE)
    return report.markdown


def protocol(record: dict[str, Any], command: str) -> str:
    """Returns a paragraph on the network, its training data and the source of the figures."""
    machine = record["hardware"]
    where = machine["gpu"] or f"{machine['cpu']}, threads: {machine['threads']}"
    trained = command_without_paths(record["command"]) if record["command"] else "(trained from Python)"
    views = record["config"]["classifier"]["tta"]
    return (
        f"A convolutional network of {record['parameters']:,} parameters, trained on the training part of FER2013 for "
        f"{record['epochs']} epochs with seed {record['config']['seed']}, in {record['fit_seconds'] / 60:.0f} minutes "
        f"on {where}. The epoch was chosen on PublicTest; PrivateTest was predicted once, at the end. Test-time "
        f"augmentation: {views}.\n\n```\n{trained}\n{command_without_paths(command)}\n```\n\n"
        f"Commit {record['commit']}."
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
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--name", required=True, help="name of the files")
    add_trust(parser)
    args = parser.parse_args(arguments)
    options = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", "fer.exporting.ship", *options])
    paths = ship(args.run, args.name, command)
    print("\n".join(f"wrote {path}" for path in paths))
    print("next: python -m fer.predict PICTURE")


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
