"""Writes the card of a network that ships: its data, protocol, figures, intended use and limits."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fer.commandline import command as command_line
from fer.config import CONF, compose_config
from fer.containers import plain
from fer.counting import counted
from fer.evaluation import confidence, inputs, readings, sections
from fer.evaluation.formatting import percent
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.options import EvaluationOptions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import Record
from fer.evaluation.robustness import accuracy_curves
from fer.evaluation.single import subsets
from fer.exporting.timing import milliseconds
from fer.hardware import cpu_name
from fer.identity import configuration_identity
from fer.prediction import threshold
from fer.report import Report
from fer.studies import redaction
from fer.studies.redaction import command_without_paths

ROBUSTNESS_IMAGES = 500
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


def card(best: Path, records: Mapping[Path, Record], name: str, command: str, files: Sequence[Path]) -> str:
    """Returns the model card as Markdown. best: the run that ships; records: of all runs."""
    source = inputs.read(best, name, EvaluationOptions(split="test"))
    test = source.predictions("test")
    report = Report(f"{name}: seven expressions of faces")
    report.text(protocol(records[best], name, command))
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
    report.text(threshold.section(threshold.from_run(best)))
    report.text(calibration(source.splits))
    add_robustness(report, source)
    report.text(USE)
    report.text(LICENCE)
    return report.markdown


def training_command(record: Record, name: str) -> str:
    """Returns the command that trains the network: the experiment called `name` where it has the run's options."""
    files_read = record["data"].get("soft_labels") or record.get("initial")
    if (CONF / "experiment" / "recipe" / f"{name}.yaml").is_file() and not files_read:
        options = [f"experiment={name}", "data=fer2013"]
        recipe = plain(compose_config([*options, "output_dir=x"]))
        if configuration_identity(record | {"config": recipe}) == configuration_identity(record):
            return command_line("fer.train", [*options, "data.root=PATH", f"seed={record['config']['seed']}"])
    return command_without_paths(record["command"]) if record["command"] else "(trained from Python)"


def protocol(record: Record, name: str, command: str) -> str:
    """Returns a paragraph on the network, its training data and the source of the figures."""
    machine = record["hardware"]
    where = machine["gpu"] or f"{machine['cpu']}, threads: {machine['threads']}"
    views = record["config"]["classifier"]["tta"]
    return (
        f"A network of {record['parameters']:,} parameters, trained on the training part of FER2013 for "
        f"{counted(record['epochs'], 'epoch')} with seed {record['config']['seed']}, in "
        f"{counted(round(record['fit_seconds'] / 60), 'minute')} on {where}. The epoch was chosen on PublicTest; "
        f"PrivateTest was predicted once, at the end. Test-time augmentation: {views}.\n\n"
        f"```\n{training_command(record, name)}\n{command_without_paths(command)}\n```\n\n"
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
