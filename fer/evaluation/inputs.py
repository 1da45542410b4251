"""Reads the inputs of `fer.evaluate`: run folders, predictions.csv files and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf

from fer import config, runs, stored
from fer.errors import UserError
from fer.evaluation import predictions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import Record, about_data, checkpoint_of, record_of, study_folder, why_no_run

if TYPE_CHECKING:  # both import torch
    from torch import Tensor

    from fer.evaluation.pixels import Pixels

TABLES = (".csv", ".csv.gz")
NO_NETWORK = "predictions alone were given; name the data with --data PATH"
QUICK = "left out by --quick; name the data with --data PATH"
NO_CHECKPOINT = "no checkpoint is left of this run"


@dataclass(frozen=True)
class EvaluationOptions:
    """Command-line options that apply to every input."""

    split: str = "val"
    labels: str | None = None
    data: list[str] | None = None
    tta: str | None = None
    pixels: bool = True  # whether to read images and network, which is slow
    faces: bool = True  # whether the report may show faces
    numbers: Any = None
    logit_adjustment: float = 0.0

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that --labels names; None for all."""
        return classes_of(self.labels)

    @property
    def needs_network(self) -> bool:
        """Whether the logits must be computed anew."""
        return bool(self.tta or self.logit_adjustment)


@dataclass(frozen=True)
class EvaluationInput:
    """The predictions of one classifier, with its network and images where they are available."""

    path: Path
    name: str
    splits: dict[str, Predictions]
    study: Path | None = None  # folder of the study that the run belongs to
    description: tuple[str, ...] = ()  # sentences on the data and the way of predicting
    pixels: "Pixels | None" = None
    pixels_missing: str = ""  # the reason why `pixels` is None
    logits: "Tensor | None" = None  # (N, C) float32 of the evaluated split, if the network was run

    def predictions(self, split: str) -> Predictions:
        """Returns the predictions of `split`. Raises UserError if there are none."""
        if split not in self.splits:
            raise UserError(f"{self.path}: no split {split}; there are {', '.join(self.splits)}")
        return self.splits[split]

    def with_logits(self, split: str) -> "EvaluationInput":
        """Returns this input with the logits of `split`; runs the network unless they are known. Needs `pixels`."""
        if self.logits is not None:
            return self
        return replace(self, logits=self.pixels.logits(split))


def read(path: Path, name: str, options: EvaluationOptions) -> EvaluationInput:
    """Reads a run's folder, a table of predictions or a checkpoint.

    Raises UserError if `path` is none of these or lacks what `options` ask for.
    """
    if not path.exists():
        raise UserError(f"no such file or folder: {path}; give a run's folder, a predictions.csv(.gz) or a .ckpt")
    if path.is_dir():
        source = read_run(path, name, options)
    elif path.name.endswith(TABLES):
        source = read_table(path, name, options)
    elif path.suffix == ".ckpt":
        source = read_checkpoint(path, name, options, run=path.absolute().parent.parent)
    else:
        raise UserError(f"{path}: expected a run's folder, a predictions.csv(.gz) or a .ckpt")
    source.predictions(options.split)  # raises UserError if the split is missing
    return source


def read_run(folder: Path, name: str, options: EvaluationOptions) -> EvaluationInput:
    """Reads predictions.csv of a run, or runs its checkpoint if other data, views or logits are asked for."""
    record = record_of(folder)
    checkpoint = checkpoint_of(folder, record)
    if options.needs_network and not checkpoint:
        raise UserError(f"{folder}: no checkpoint is left, which --tta and --logit-adjustment need")
    if checkpoint and (options.needs_network or options.data):
        return replace(read_checkpoint(checkpoint, name, options, folder), path=folder)
    table = folder / runs.PREDICTIONS
    if not table.is_file():
        raise UserError(f"{folder}: {why_no_run(folder, record)}")
    source = replace(read_table(table, name, options), path=folder, pixels_missing=QUICK)
    if not options.pixels or options.data:
        return source
    images, reason = pixels_of_run(checkpoint, record, options)
    return replace(source, pixels=images, pixels_missing=reason)


def read_table(path: Path, name: str, options: EvaluationOptions) -> EvaluationInput:
    """Reads a table of predictions; with --data also the images, in the splits of the run if its record is known."""
    if options.tta:
        raise UserError(f"{path}: --tta needs the network; give the run's folder or its checkpoint")
    if options.logit_adjustment:
        raise UserError(f"{path}: --logit-adjustment needs the network; give the run's folder or its checkpoint")
    run_record = record_of(path.parent)
    record = run_record or stored.read(path.parent).get(path.name.split(".csv")[0], {})
    splits = predictions.read(path)
    if options.classes:
        splits = {split: table.among(options.classes) for split, table in splits.items()}
    study = study_folder(path.parent, run_record)
    source = EvaluationInput(path, name, splits, study, tuple(about_data(record)), pixels_missing=NO_NETWORK)
    if not options.data:
        return source
    from fer.evaluation import pixels

    data = (record.get("config") or {}).get("data") or {}
    datamodule = pixels.read_data(data, options.data, data.get("classes"), options.numbers)
    return replace(source, pixels=pixels.Pixels(datamodule, ()))


def read_checkpoint(path: Path, name: str, options: EvaluationOptions, run: Path) -> EvaluationInput:
    """Runs the network of a checkpoint on the evaluated split and on validation.

    run: the folder with the record of the training.
    """
    from fer.evaluation import pixels

    record = record_of(run)
    source = pixels.from_checkpoint(
        path, options.data, options.classes, options.tta, options.numbers, options.logit_adjustment
    )
    description = [f"{source.datamodule.origin} ({', '.join(source.datamodule.sources)}).", *source.datamodule.warnings]
    if difference := data_difference(source, record):
        if not options.data:
            raise UserError(f"{path}: {difference}; name those of the training with --data PATH")
        description.append(f"Note: {difference}.")
    if source.tta != "none":
        description.append(f"Logits are means over several views of each face (test-time augmentation: {source.tta}).")
    if options.logit_adjustment:
        description.append(
            f"{options.logit_adjustment:g} times the logarithm of each class's share of the training images is "
            "subtracted from its logit (logit adjustment, Menon et al. 2021)."
        )
    logits = {split: source.logits(split) for split in dict.fromkeys((options.split, "val"))}
    splits = {split: source.predict(split, values) for split, values in logits.items()}
    study = study_folder(run, record)
    return EvaluationInput(path, name, splits, study, tuple(description), source, logits=logits[options.split])


def pixels_of_run(checkpoint: Path | None, record: Record, options: EvaluationOptions) -> tuple["Pixels | None", str]:
    """Returns network and images of a run and "", or None and the reason why they cannot be read."""
    if not checkpoint:
        return None, NO_CHECKPOINT
    from fer.evaluation import pixels

    try:
        source = pixels.from_checkpoint(checkpoint, None, options.classes, None)
    except UserError as error:
        return None, str(error)
    difference = data_difference(source, record)
    return (None, difference) if difference else (source, "")


def data_difference(source: "Pixels", record: Record) -> str:
    """Returns a clause that says how the data differ from those of the run; "" if they do not."""
    trained = (record.get("data") or {}).get("fingerprint")
    fingerprint = source.datamodule.fingerprint
    if not trained or trained == fingerprint:
        return ""
    origin = source.datamodule.origin
    return f"the data found ({origin}, fingerprint {fingerprint}) are not those of the training ({trained})"


def names(paths: Sequence[Path]) -> list[str]:
    """Returns a unique name of each input: as few trailing parts of its path as tell all inputs apart.

    Raises UserError if a path occurs twice.
    """
    seen = set()
    for path in paths:
        if path.absolute() in seen:
            raise UserError(f"{path} is given twice")
        seen.add(path.absolute())
    parts = [_name_parts(path) for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        tails = ["/".join(part[-max(depth, _minimum_depth(path)) :]) for part, path in zip(parts, paths, strict=True)]
        if len(set(tails)) == len(paths):
            return tails
    return [str(path) for path in paths]


def _minimum_depth(path: Path) -> int:
    """A stored table is named by study and file (2 parts), a run by study, options and seed (3 parts)."""
    return 2 if path.name.endswith(TABLES) and path.name.split(".")[0] != "predictions" else 3


def _name_parts(path: Path) -> list[str]:
    """Returns the parts of the path that tell runs apart: no endings, no folders that every run has."""
    *folders, last = path.absolute().parts[1:]
    for ending in (".csv.gz", ".csv", ".ckpt"):
        last = last.removesuffix(ending)
    common = ("predictions", "checkpoints")
    return [part for part in (*folders, last) if part not in common] or [last]


def classes_of(labels: str | None) -> tuple[str, ...] | None:
    """Returns the classes that --labels names: those of a file in conf/labels, or a comma-separated list.

    None stands for all classes. Raises UserError for fewer than two names.
    """
    if labels is None:
        return None
    path = config.CONF / "labels" / f"{labels}.yaml"
    if path.is_file():
        node = OmegaConf.load(path)
        return tuple(node.classes) if node.get("classes") else None
    classes = tuple(name.strip() for name in labels.strip("[]").split(","))
    if len(classes) < 2:
        choices = ", ".join(sorted(path.stem for path in path.parent.glob("*.yaml")))
        raise UserError(f"--labels={labels}: expected one of {choices}, or classes such as happy,sad,neutral")
    return classes


def numbers_of(text: str | None) -> Any:
    """Parses --numbers as `labels.numbers` is parsed: a name, or a YAML mapping of numbers to classes."""
    try:
        return text and yaml.safe_load(text)
    except yaml.YAMLError:
        return text
