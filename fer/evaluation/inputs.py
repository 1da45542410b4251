"""Reads the inputs of `fer.evaluate`: run folders, predictions.csv files and checkpoints."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fer import runs, stored
from fer.errors import UserError
from fer.evaluation import input_names, predictions
from fer.evaluation.options import ALL, EvaluationOptions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import (
    Record,
    checkpoint_of,
    data_sentences,
    reason_without_predictions,
    record_of,
    study_folder,
)

if TYPE_CHECKING:  # these import torch
    from torch import Tensor

    from fer.data.datamodule import FERDataModule
    from fer.evaluation.loading import ClassifierWithData
    from fer.evaluation.other_data import OtherData

TABLES = (".csv", ".csv.gz")
NO_NETWORK = "predictions alone were given; name the data with --data PATH"
QUICK = "left out by --quick; name the data with --data PATH"
NO_CHECKPOINT = "no checkpoint is left of this run"
EXPECTED = "a run's folder, a predictions.csv(.gz), a .ckpt or .pt file, or a shipped network"


@dataclass(frozen=True)
class EvaluationInput:
    """The predictions of one classifier, with its images and network where they are available."""

    path: Path
    name: str
    splits: dict[str, Predictions]
    study: Path | None = None  # folder of the study that the run belongs to
    description: tuple[str, ...] = ()  # sentences on the data and the way of predicting
    datamodule: "FERDataModule | None" = None
    network: "ClassifierWithData | None" = None  # with the same data module
    images_missing: str = ""  # the reason why `datamodule` is None
    other_data: "OtherData | None" = None  # the same data module where --data names it
    trained_on: bool = True  # whether `datamodule` holds the data of the training
    logits: "Tensor | None" = None  # (N, C) float32 of the evaluated split, if the network was run

    @property
    def remarks(self) -> list[str]:
        """Sentences on classes that other data and the network do not share, and on splits that were cut."""
        return list(self.other_data.remarks) if self.other_data else []

    def predictions(self, split: str) -> Predictions:
        """Returns the predictions of `split`. Raises UserError if there are none."""
        if split not in self.splits:
            raise UserError(f"{self.path}: no split {split}; there are {', '.join(self.splits)}")
        return self.splits[split]


def read(path: Path, name: str, options: EvaluationOptions) -> EvaluationInput:
    """Reads a run's folder, a table of predictions or a checkpoint.

    Raises UserError if `path` is none of these or lacks what `options` ask for.
    """
    if options.split == ALL and not options.data:
        raise UserError("--split all needs other data; name its place with --data PATH")
    if not path.exists():
        raise UserError(f"no such file or folder: {path}; give {EXPECTED}")
    if path.is_dir():
        source = read_run(path, name, options)
    elif path.name.endswith(TABLES):
        source = read_table(path, name, options)
    elif path.suffix in (".ckpt", ".pt"):
        source = read_checkpoint(path, name, options, run=path.absolute().parent.parent)
    else:
        raise UserError(f"{path}: expected {EXPECTED}")
    source.predictions(options.split)  # raises UserError if the split is missing
    return source


def read_run(folder: Path, name: str, options: EvaluationOptions) -> EvaluationInput:
    """Reads predictions.csv of a run, or runs its checkpoint if `options` ask for other data or logits."""
    record = record_of(folder)
    checkpoint = checkpoint_of(folder, record)
    if options.needs_network and not checkpoint:
        raise UserError(
            f"{folder}: no checkpoint is left, which --tta, --logit-adjustment and --split train need; leave these out"
        )
    if checkpoint and (options.needs_network or options.data):
        return replace(read_checkpoint(checkpoint, name, options, folder), path=folder)
    table = folder / runs.PREDICTIONS
    if not table.is_file():
        raise UserError(f"{folder}: {reason_without_predictions(folder, record)}")
    source = replace(read_table(table, name, options), path=folder, images_missing=QUICK)
    if not options.images or options.data:
        return source
    network, reason = network_of_run(checkpoint, record, options)
    datamodule = network.datamodule if network else None
    return replace(source, datamodule=datamodule, network=network, images_missing=reason)


def read_table(path: Path, name: str, options: EvaluationOptions) -> EvaluationInput:
    """Reads a table of predictions; with --data also the images, in the splits of the run if its record is known."""
    for flag, value in {"--tta": options.tta, "--logit-adjustment": options.logit_adjustment}.items():
        if value:
            raise UserError(f"{path}: {flag} needs the network; give the run's folder or its checkpoint")
    run_record = record_of(path.parent)
    record = run_record or stored.read(path.parent).get(path.name.split(".csv")[0], {})
    splits = predictions.read(path)
    if options.classes:
        splits = {split: table.restrict(options.classes) for split, table in splits.items()}
    study = study_folder(path.parent, run_record)
    source = EvaluationInput(path, name, splits, study, tuple(data_sentences(record)), images_missing=NO_NETWORK)
    if not options.data:
        return source
    from fer.evaluation.images import read_data  # imports torch

    data = (record.get("config") or {}).get("data") or {}
    datamodule = read_data(data, options.data, data.get("classes"), options.numbers, options.typed)
    return replace(source, datamodule=datamodule)


def read_checkpoint(path: Path, name: str, options: EvaluationOptions, run: Path) -> EvaluationInput:
    """Runs the network of a checkpoint on the evaluated split and on validation.

    run: the folder with the record of the training.
    """
    from fer.evaluation.loading import load_classifier  # imports torch

    record = record_of(run)
    network = load_classifier(
        path,
        options.data,
        options.classes,
        options.tta,
        options.numbers,
        options.logit_adjustment,
        options.typed,
        everything=options.split == ALL,
    )
    difference = data_difference(network, record)
    if difference and not options.data:
        raise UserError(f"{path}: {difference}; name those of the training with --data PATH")
    is_training = is_training_data(network, record)
    if options.split == ALL and is_training:
        raise UserError(f"{path}: trained on images of these data; --split val or test evaluates others")
    splits = network.datamodule.splits
    if not len(splits.get(options.split, ())):
        others = ", ".join(f"{split} {len(part):,}" for split, part in splits.items() if len(part))
        raise UserError(f"{path}: no images in the split {options.split}; there are {others}, or --split all")
    logits = {
        split: network.logits(split) for split in dict.fromkeys((options.split, "val")) if len(splits.get(split, ()))
    }
    return EvaluationInput(
        path,
        name,
        splits={split: network.predictions(split, values) for split, values in logits.items()},
        study=study_folder(run, record),
        description=tuple(network_sentences(network, difference)),
        datamodule=network.datamodule,
        network=network,
        other_data=network.other_data,
        trained_on=is_training,
        logits=logits[options.split],
    )


def network_sentences(network: "ClassifierWithData", difference: str) -> list[str]:
    """Returns sentences on the data and the way of predicting; difference: see `data_difference`."""
    datamodule = network.datamodule
    notes = [f"{note[:1].upper()}{note[1:].rstrip('.')}." for note in datamodule.warnings]
    sentences = [f"{datamodule.origin} ({', '.join(map(input_names.from_here, datamodule.sources))}).", *notes]
    if difference:
        sentences.append(f"Note: {difference}.")
    if network.tta != "none":
        sentences.append(f"Logits are means over several views of each face (test-time augmentation: {network.tta}).")
    if network.logit_adjustment:
        sentences.append(
            f"{network.logit_adjustment:g} times the logarithm of each class's share of the training images is "
            "subtracted from its logit (logit adjustment, Menon et al. 2021)."
        )
    return sentences


def network_of_run(
    checkpoint: Path | None, record: Record, options: EvaluationOptions
) -> tuple["ClassifierWithData | None", str]:
    """Returns network and images of a run and "", or None and the reason why they cannot be read."""
    if not checkpoint:
        return None, NO_CHECKPOINT
    from fer.evaluation.loading import load_classifier  # imports torch

    try:
        network = load_classifier(checkpoint, classes=options.classes)
    except UserError as error:
        return None, str(error)
    difference = data_difference(network, record)
    return (None, difference) if difference else (network, "")


def is_training_data(network: "ClassifierWithData", record: Record) -> bool:
    """Whether the network was trained on its data: those of the record or, without one, all of FER2013."""
    expected = (record.get("data") or {}).get("fingerprint")
    if expected is not None:
        return expected == network.datamodule.fingerprint
    other = network.other_data
    return other.is_fer2013 if other and other.everything else network.datamodule.official


def data_difference(network: "ClassifierWithData", record: Record) -> str:
    """Returns a clause that says how the data differ from those of the run; "" if they do not."""
    expected = (record.get("data") or {}).get("fingerprint")
    actual = network.datamodule.fingerprint
    if not expected or expected == actual:
        return ""
    origin = network.datamodule.origin
    return f"the data found ({origin}, fingerprint {actual}) are not those of the training ({expected})"
