"""Reads runs: the entries of runs.jsonl.gz, with the scores of each run."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from fer import confusion, runs, stored
from fer.data.emotions import EMOTIONS
from fer.errors import UserError
from fer.evaluation import calibration, confidence, inputs
from fer.evaluation.inputs import EvaluationInput
from fer.evaluation.options import EvaluationOptions
from fer.evaluation.predictions import align, ensemble
from fer.evaluation.records import record_of
from fer.evaluation.single import subsets
from fer.identity import configuration_identity
from fer.studies.redaction import command_without_paths

SUBSETS = {
    "test_without_copies": "without copies of training images",
    "test_without_near_copies": "without near copies either",
    "test_ferplus_agrees": "where the majority of FER+ agrees",
}
"""Column -> title in `fer.evaluation.single.subsets`. A subset that is missing equals the one before it, except the
last, which needs the votes of FER+."""
NETWORK_KEYS = ("model", "tta", "crop", "crop_to")


def run_entry(path: Path, name: str | None, data: str | None, tta: str | None = None) -> dict[str, Any]:
    """Returns the entry of a run. path: its folder, or stored predictions. name: of the row; data: place of the images.

    tta: other views of each face than those of the run, from which the network predicts again.

    Raises UserError for a run that is not finished or was not trained on FER2013's official split.
    """
    record = checked_record(path)
    config = record["config"]
    source = read(path, record, data, tta)
    return {
        "row": name or config["study"],
        "seed": config["seed"],
        "configuration": configuration_identity(record),
        "classes": list(record["data"]["counts"]["test"]),
        "votes": config["labels"].get("votes", "none"),
        "extra_data": extra_data(record),
        "networks": [network(config["classifier"] | ({"tta": tta} if tta else {}))],
        "hardware": record["hardware"],
        "minutes": record["fit_seconds"] / 60,
        "commit": record["commit"],
        "command": commands(record, tta),
        "scores": scores(source),
    }


def commands(record: dict[str, Any], tta: str | None) -> str | None:
    """Returns the command of a run and, with other views, the one that predicts with them; None if it is not known."""
    if not record.get("command"):
        return None
    evaluation = f"; python -m fer.evaluate RUN --split test --tta {tta}" if tta else ""
    return command_without_paths(record["command"]) + evaluation


def ensemble_entry(paths: Sequence[Path], name: str, data: str | None, tta: str | None = None) -> dict[str, Any]:
    """Returns the entry of an ensemble of runs, whose probabilities are averaged."""
    members = [run_entry(path, name, data, tta) for path in paths]
    sources = [read(path, checked_record(path), data, tta) for path in paths]
    splits = {}
    for split in ("val", "test"):
        aligned, _ = align({str(path): source.predictions(split) for path, source in zip(paths, sources, strict=True)})
        splits[split] = ensemble(list(aligned.values()), "probabilities")
    first = members[0]
    return first | {
        "seed": " ".join(str(member["seed"]) for member in members),
        "configuration": " ".join(member["configuration"] for member in members),
        "extra_data": joined(member["extra_data"] for member in members),
        "networks": [network for member in members for network in member["networks"]],
        "minutes": sum(member["minutes"] for member in members),
        "commit": joined(member["commit"] for member in members),
        "command": "; ".join(dict.fromkeys(filter(None, (member["command"] for member in members)))),
        "scores": scores(replace(sources[0], splits=splits)),
    }


def joined(values: Any) -> str:
    """Returns different values in the order in which they come first."""
    return " ".join(dict.fromkeys(map(str, values)))


def checked_record(path: Path) -> dict[str, Any]:
    """Returns the record of a run. Raises UserError unless it belongs into the table."""
    if not path.exists():
        raise UserError(f"no such run: {path}; give the folder of a finished run, or stored predictions (.csv.gz)")
    record = record_of(path) if path.is_dir() else stored_record(path)
    if record.get("status") != "finished":
        raise UserError(f"{path}: not a finished run; give the folder of one, or stored predictions (.csv.gz)")
    data, config = record["data"], record["config"]
    is_fer2013 = data["origin"].split(" with ")[0] == "FER2013"  # also "FER2013 with FER+ labels (soft)"
    if not data["official_split"] or not is_fer2013 or config["data"].get("limit"):
        raise UserError(f"{path}: the table takes runs on FER2013's official split alone, and this is not one")
    if not config.get("test", True):
        raise UserError(f"{path}: trained with test=false, so it has no test predictions")
    return record


def stored_record(path: Path) -> dict[str, Any]:
    """Returns the record beside stored predictions; {} without one."""
    return stored.read(path.parent).get(path.name.removesuffix(".csv.gz"), {})


@cache
def with_views(path: Path, data: str | None, tta: str) -> EvaluationInput:
    """Returns the predictions of a run's network from other views."""
    return inputs.read(path, str(path), EvaluationOptions(split="test", data=[data] if data else None, tta=tta))


def read(path: Path, record: dict[str, Any], data: str | None, tta: str | None = None) -> EvaluationInput:
    """Returns the predictions of a run with its images."""
    if tta:
        return with_views(path, data, tta)
    table = path / runs.PREDICTIONS if path.is_dir() else path
    places = [data] if data else record["data"]["path"]
    if missing := [place for place in places if not Path(place).exists()]:
        raise UserError(f"{path}: its images, {missing[0]}, are missing; name FER2013 with --data PATH")
    return inputs.read(table, str(path), EvaluationOptions(split="test", data=places))


def scores(source: EvaluationInput) -> dict[str, float | None]:
    """Returns the columns of the table that follow from the predictions of a run."""
    val, test = source.predictions("val"), source.predictions("test")
    averages = {name: float(value) for name, value in confusion.averages(test.confusion).items()}
    parts, _ = subsets(source, test)
    values: dict[str, float | None] = {
        "val_accuracy": float(val.hits.mean()),
        **{f"test_{name}": value for name, value in averages.items()},
    }
    last = averages["accuracy"]
    for column, title in SUBSETS.items():
        if title in parts:
            last = float(parts[title].hits.mean())
        is_known = title in parts or column != "test_ferplus_agrees"
        values[column] = last if is_known else None
    scaled, _ = confidence.scaled_probabilities(source.splits, "test")
    values["ece"] = calibration.ece(calibration.reliability(scaled.max(1), test.hits))
    return values


def network(classifier: dict[str, Any]) -> dict[str, Any]:
    """Returns the options of a classifier that decide what a face costs."""
    return {key: classifier[key] for key in NETWORK_KEYS if key in classifier}


def extra_data(record: dict[str, Any]) -> str:
    """Returns what the run learned from beside FER2013's training images and labels; "none" for nothing."""
    config = record["config"]
    labels = config["labels"]
    extras = {
        "FER+ votes": labels.get("votes", "none") != "none",
        "soft labels": labels.get("soft"),
        "initial weights": config.get("init_from"),
        "pretrained weights": config["model"].get("pretrained"),
    }
    return ", ".join(name for name, is_used in extras.items() if is_used) or "none"


def is_main(entry: dict[str, Any]) -> bool:
    """Whether the run tells FER2013's seven classes apart by FER2013's labels."""
    return entry["classes"] == list(EMOTIONS) and entry["votes"] == "none"
