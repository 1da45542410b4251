"""Describes a data set in one report.

    python -m fer.eda data.root=PATH
    python -m fer.eda data=synthetic augment=strong near=false
    python -m fer.eda data.root=PATH check=true
    python -m fer.eda data.root=PATH suspicious=opinions.csv labels.votes_file=fer2013new.csv

Writes into runs/eda/<what differs>/: report.html, which needs no other file, report.md, the figures as PNG, the tables
as CSV and duplicates.json. An existing folder is overwritten. With check=true it writes nothing and only counts
identical images in different splits; the exit code is 3 if there are any. With suspicious=FILE, opinions on training
images as `fer.evaluate --merge` writes them, it also lists the images whose label the opinion contradicts.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
import numpy as np
from omegaconf import DictConfig

from fer import config, runs, validation
from fer.commandline import command
from fer.console import opening
from fer.data.faces import SIZE
from fer.errors import UserError, as_user_error
from fer.options import name_of

if TYPE_CHECKING:
    from fer.exploration.dataset import Dataset

LEAKS = 3
"""Exit code if images of one split are identical to images of another."""


def eda(cfg: DictConfig) -> Path:
    """Writes the report and returns its folder. Raises UserError for a config or data that cannot be used."""
    folder = Path(cfg.output_dir)
    data = load(cfg)
    from fer.evaluation.run_facts import data_name
    from fer.exploration import SECTIONS
    from fer.exploration.dataset import UNITS, announce
    from fer.report import Report
    from fer.studies.redaction import command_without_paths

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fix = "choose another folder with output_dir=PATH"
        raise UserError(f"{folder}: cannot be written ({error.strerror}); {fix}") from error
    print("\n".join(opening(data.module.description(), {}, folder, folder)), flush=True)
    report = Report(f"{data_name(data.module.description())}: description of the data", cfg.faces)
    report.text(f"Made by `{command_without_paths(command('fer.eda', config.typed_overrides()))}`.")
    figures = {}
    for section in SECTIONS:
        figures |= section(report, data) or {}
    announce("writing the report")
    names = [*report.write(folder), "duplicates.json"]
    runs.write_json(folder / "duplicates.json", figures)
    if cfg.faces:  # a published report holds nothing that is measured on a single face
        names.append("images.csv")
        columns = {"split": data.splits, "id": data.ids, "class": data.label_names()}
        data.measures.round(3).assign(**columns)[[*columns, *UNITS]].to_csv(folder / "images.csv", index=False)
    print(f"wrote {folder}/: {', '.join(names)}; next: {next_command(cfg)}", flush=True)
    return folder


def count_leaks(cfg: DictConfig) -> dict[str, int]:
    """Prints and returns the numbers of images of one split that are identical to one of another split."""
    data = load(cfg)
    from fer.data.duplicates import audit
    from fer.exploration.duplicates import COUNT_TITLES

    print(data.module.origin)
    figures = audit(data.images, data.labels, data.splits, data.ids, near=False).figures
    crossing = {name: count for name, count in figures.items() if "_in_" in name}
    for name, count in crossing.items():
        print(f"{COUNT_TITLES[name]}: {count:,}")
    if crossing["test_in_train"] or crossing["val_in_train"]:
        print("the splits leak; next: data.drop_train_copies=true leaves out training images that are held out as well")
    elif any(crossing.values()):
        print("validation and test share images; no training image is held out as well; next: " + next_command(cfg))
    else:
        print(f"no exact copy crosses the splits; next: {next_command(cfg)}")
    return crossing


def load(cfg: DictConfig) -> "Dataset":
    """Checks all options and reads the data that `cfg` names. Raises UserError for invalid options and data."""
    check(cfg)
    import torch  # heavy imports follow the check of the options

    from fer.augment import Augment
    from fer.console import quieten
    from fer.containers import plain
    from fer.exploration.dataset import Dataset, announce
    from fer.training.building import build_datamodule

    quieten()
    try:
        augment = Augment(num_classes=2, **plain(cfg.augment))
        augment(torch.zeros(2, 1, SIZE, SIZE), torch.tensor([0, 1]))
    except (ValueError, RuntimeError) as error:
        raise as_user_error(error) from error
    announce("reading the data")
    training_cfg = cfg.copy()
    if cfg.labels.votes == "none":
        training_cfg.data.votes_file = None  # the report only compares the votes with the labels
    module = build_datamodule(training_cfg)
    module.setup()
    parts = module.splits
    return Dataset(
        cfg,
        module,
        images=np.concatenate([part.images[:, 0].numpy() for part in parts.values()]),
        labels=np.concatenate([part.labels.numpy() for part in parts.values()]),
        splits=np.repeat(list(parts), [len(part) for part in parts.values()]),
        ids=np.concatenate([part.ids for part in parts.values()]),
    )


def check(cfg: DictConfig) -> None:
    """Raises UserError for an invalid value of an option; reads no data."""
    for name in ("near", "check", "faces"):
        if not isinstance(cfg[name], bool):
            raise UserError(f"{name}={cfg[name]}: expected true or false")
    if cfg.data.fold:
        raise UserError(f"data.fold={cfg.data.fold} is an option of fer.train; leave it out")
    validation.check(cfg)


def next_command(cfg: DictConfig) -> str:
    """Returns the command that trains on the same data."""
    groups = ("data", "labels", "augment")
    overrides = [word for word in config.typed_overrides() if name_of(word).split(".")[0] in groups]
    if cfg.labels.votes == "none":  # fer.train reads votes only to train on them
        overrides = [word for word in overrides if name_of(word) != "labels.votes_file"]
    return command("fer.train", overrides, config.config_dir())


@hydra.main(config_path=str(config.CONF), config_name="eda", version_base="1.3")
def main(cfg: DictConfig) -> None:
    with config.one_line_errors():
        if not cfg.check:
            eda(cfg)
        elif any(count_leaks(cfg).values()):
            sys.exit(LEAKS)


if __name__ == "__main__":
    config.run_command(main, "eda")
