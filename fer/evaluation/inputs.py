"""Reads the inputs of `fer.evaluate`: run folders, predictions.csv files and checkpoints."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from omegaconf import OmegaConf

from fer import config, runs, stored
from fer.errors import UserError
from fer.evaluation import predictions
from fer.evaluation.predictions import Predictions
from fer.evaluation.records import Record, about_data, checkpoint_of, record_of, study_folder, why_no_run

if TYPE_CHECKING:
    from fer.evaluation.pixels import Pixels  # imports torch

TABLES = (".csv", ".csv.gz")
ALONE = "predictions alone were given; name the data with --data PATH"


@dataclass
class Wanted:
    """What the command line asks of every input."""

    split: str = "val"
    labels: str | None = None
    data: list[str] | None = None
    tta: str | None = None
    pixels: bool = True
    faces: bool = True
    numbers: Any = None
    logit_adjustment: float = 0.0

    @property
    def classes(self) -> tuple[str, ...] | None:
        return classes_of(self.labels)


@dataclass
class Given:
    """One input, read."""

    path: Path
    name: str
    splits: dict[str, Predictions]
    study: Path | None = None
    about: list[str] = field(default_factory=list)  # sentences on what was predicted, and how
    pixels: "Pixels | None" = None
    lacking: str = ""  # why there are no pixels
    logits: Any = None  # (N, C) of the shown split, where the checkpoint was asked

    def shown(self, split: str) -> Predictions:
        """The predictions of `split`; UserError without."""
        if split not in self.splits:
            raise UserError(f"{self.path}: no split {split}; there are {', '.join(self.splits)}")
        return self.splits[split]


def read(path: Path, name: str, wanted: Wanted) -> Given:
    """Raises UserError for what is neither run nor predictions nor checkpoint, or lacks what is wanted."""
    if not path.exists():
        raise UserError(f"no such file or folder: {path}; give a run's folder, a predictions.csv(.gz) or a .ckpt")
    if path.is_dir():
        given = of_run(path, name, wanted)
    elif path.name.endswith(TABLES):
        given = of_table(path, name, wanted)
    elif path.suffix == ".ckpt":
        given = of_checkpoint(path, name, wanted, run=path.absolute().parent.parent)
    else:
        raise UserError(f"{path}: expected a run's folder, a predictions.csv(.gz) or a .ckpt")
    given.shown(wanted.split)
    return given


def of_run(folder: Path, name: str, wanted: Wanted) -> Given:
    """From its predictions.csv, or from its checkpoint where other data or test-time augmentation are asked for."""
    record = record_of(folder)
    best = checkpoint_of(folder, record)
    if wanted.tta or wanted.logit_adjustment or (wanted.data and best):
        if not best:
            raise UserError(f"{folder}: no checkpoint is left, which --tta and --logit-adjustment need")
        return replace(of_checkpoint(best, name, wanted, folder), path=folder)
    table = folder / runs.PREDICTIONS
    if not table.is_file():
        raise UserError(f"{folder}: {why_no_run(folder, record)}")
    given = of_table(table, name, wanted)
    given.path, given.lacking = folder, "left out by --quick; name the data with --data PATH"
    if wanted.pixels and not wanted.data:
        add_pixels(given, best, record, wanted)
    return given


def of_table(path: Path, name: str, wanted: Wanted) -> Given:
    """From the file alone; with --data also the images it is about, in the splits of its run if that is known."""
    if wanted.tta:
        raise UserError(f"{path}: --tta needs the network; give the run's folder or its checkpoint")
    if wanted.logit_adjustment:
        raise UserError(f"{path}: --logit-adjustment needs the network; give the run's folder or its checkpoint")
    record = record_of(path.parent)
    study = study_folder(path.parent, record)
    known = record or stored.read(path.parent).get(path.name.split(".csv")[0], {})
    splits = predictions.read(path)
    if wanted.classes:
        splits = {split: table.among(wanted.classes) for split, table in splits.items()}
    given = Given(path, name, splits, study, about_data(known), lacking=ALONE)
    if wanted.data:
        from fer.evaluation import pixels

        options = (known.get("config") or {}).get("data") or {}
        given.pixels = pixels.Pixels(pixels.data(options, wanted.data, options.get("classes"), wanted.numbers), ())
    return given


def of_checkpoint(path: Path, name: str, wanted: Wanted, run: Path) -> Given:
    """From the network, asked about the shown split and validation."""
    from fer.evaluation import pixels

    record = record_of(run)
    source = pixels.of_checkpoint(
        path, wanted.data, wanted.classes, wanted.tta, wanted.numbers, wanted.logit_adjustment
    )
    about = [f"{source.datamodule.origin} ({', '.join(source.datamodule.sources)}).", *source.datamodule.warnings]
    if other := other_data(source, record):
        if not wanted.data:
            raise UserError(f"{path}: {other}; name those of the training with --data PATH")
        about.append(f"Note: {other}.")
    if source.tta != "none":
        about.append(f"Logits are means over several views of each face (test-time augmentation: {source.tta}).")
    if wanted.logit_adjustment:
        about.append(
            f"{wanted.logit_adjustment:g} times the logarithm of each class's share of the training images is "
            "subtracted from its logit (logit adjustment, Menon et al. 2021)."
        )
    logits = {split: source.logits(split) for split in dict.fromkeys((wanted.split, "val"))}
    splits = {split: source.predict(split, values) for split, values in logits.items()}
    study = study_folder(run, record)
    return Given(path, name, splits, study, about, source, logits=logits[wanted.split])


def add_pixels(given: Given, best: Path | None, record: Record, wanted: Wanted) -> None:
    """Network and images of a run beside its predictions, or why there are none."""
    from fer.evaluation import pixels

    if not best:
        given.lacking = "no checkpoint is left of this run"
        return
    try:
        source = pixels.of_checkpoint(best, None, wanted.classes, None)
        given.lacking = other_data(source, record)
        given.pixels = None if given.lacking else source
    except UserError as error:
        given.lacking = str(error)


def other_data(source: "Pixels", record: Record) -> str:
    """What is to be said when the data are not those of the run; else nothing."""
    known, found = (record.get("data") or {}).get("fingerprint"), source.datamodule.fingerprint
    if not known or known == found:
        return ""
    return f"the data found ({source.datamodule.origin}, fingerprint {found}) are not those of the training ({known})"


def names(paths: Sequence[Path]) -> list[str]:
    """What each input is called: as few of the last parts of its path as tell all apart."""
    if len({path.absolute() for path in paths}) < len(paths):
        twice = next(path for path in paths if sum(path.absolute() == other.absolute() for other in paths) > 1)
        raise UserError(f"{twice} is given twice")
    parts = [_parts(path) for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        tails = ["/".join(part[-max(depth, _least(path)) :]) for part, path in zip(parts, paths, strict=True)]
        if len(set(tails)) == len(paths):
            return tails
    return [str(path) for path in paths]


def _least(path: Path) -> int:
    """A stored file is called by its study and name; a run by its study, what differs and its seed."""
    return 2 if path.name.endswith(TABLES) and path.name.split(".")[0] != "predictions" else 3


def _parts(path: Path) -> list[str]:
    """The parts that say something: neither endings nor folders that every run has."""
    *folders, last = path.absolute().parts[1:]
    for ending in (".csv.gz", ".csv", ".ckpt"):
        last = last.removesuffix(ending)
    silent = ("predictions", "checkpoints")
    return [part for part in (*folders, last) if part not in silent] or [last]


def classes_of(labels: str | None) -> tuple[str, ...] | None:
    """The classes that --labels names: a file of conf/labels, or the classes with commas; None for all."""
    if labels is None:
        return None
    path = config.CONF / "labels" / f"{labels}.yaml"
    if path.is_file():
        node = OmegaConf.load(path)
        return tuple(node.classes) if node.get("classes") else None
    listed = tuple(name.strip() for name in labels.strip("[]").split(","))
    if len(listed) < 2:
        there = ", ".join(sorted(path.stem for path in path.parent.glob("*.yaml")))
        raise UserError(f"--labels={labels}: expected one of {there}, or classes such as happy,sad,neutral")
    return listed


def numbers_of(text: str | None) -> Any:
    """--numbers as `labels.numbers` takes it: a name, or number -> class, typed as YAML."""
    try:
        return text and yaml.safe_load(text)
    except yaml.YAMLError:
        return text
