"""Options of `fer.evaluate` that apply to every input."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from omegaconf import OmegaConf

from fer import config
from fer.errors import UserError
from fer.options import name_of

ALL = "all"
"""The split that holds every image of other data."""


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the command line.

    split: the evaluated split, or ALL. labels: see `parse_classes`. data: paths of the images. tta: a key of
    `fer.tta.VIEWS`, None for the classifier's own. images: whether to read images and network, which is slow. faces:
    whether the report may show faces. numbers: see `parse_numbers`. logit_adjustment: τ, see `fer.evaluation.loading`.
    typed: more arguments of FERDataModule for `data`, see `parse_data`.
    """

    split: str = "val"
    labels: str | None = None
    data: Sequence[str] | None = None
    tta: str | None = None
    images: bool = True
    faces: bool = True
    numbers: Any = None
    logit_adjustment: float = 0.0
    typed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that --labels names; None for all."""
        return parse_classes(self.labels)

    @property
    def needs_network(self) -> bool:
        """Whether the logits must be computed; a run keeps those of its validation and test images."""
        return bool(self.tta or self.logit_adjustment or self.split == "train")


def parse_classes(labels: str | None) -> tuple[str, ...] | None:
    """Returns the classes that --labels names: those of a file in conf/labels, or a comma-separated list.

    None stands for all classes. Raises UserError for fewer than two names.
    """
    if labels is None:
        return None
    path = config.CONF / "labels" / f"{labels}.yaml"
    if path.is_file():
        classes = OmegaConf.select(OmegaConf.load(path), "classes")
        return tuple(classes) if classes else None
    classes = tuple(name.strip() for name in labels.strip("[]").split(","))
    if len(classes) < 2:
        choices = ", ".join(sorted(path.stem for path in path.parent.glob("*.yaml")))
        raise UserError(f"--labels={labels}: expected one of {choices}, or classes such as happy,sad,neutral")
    return classes


def parse_numbers(text: str | None) -> Any:
    """Parses --numbers as `labels.numbers` is parsed: a name, or a YAML mapping of numbers to classes."""
    try:
        return text and yaml.safe_load(text)
    except yaml.YAMLError:
        return text


DATA_OPTION = re.compile(r"[+~]*(data|labels)(\.\w+)*=.*", re.DOTALL)


def is_data_option(word: str) -> bool:
    """Whether a word of the command line is an option of the data, as fer.train has them."""
    return DATA_OPTION.fullmatch(word) is not None


def parse_data(words: Sequence[str]) -> dict[str, Any]:
    """Returns arguments of FERDataModule for words such as `data.labels=FILE`, read as fer.train reads them.

    Raises UserError for options that do not exist, and for those that fer.evaluate has in another form.
    """
    names = [name_of(word) for word in words]
    for word, name in zip(words, names, strict=True):
        if name in OWN_FLAGS:
            raise UserError(f"{word}: fer.evaluate takes {OWN_FLAGS[name]}")
    data: Any = OmegaConf.to_container(config.compose(*words).data, resolve=True) if words else {}
    keys = ["source" if name == "data" else name.split(".")[1] for name in names]
    return {key: data[key] for key in keys}


OWN_FLAGS = {
    "labels": "the classes to decide among as --labels fer4 or --labels happy,sad",
    "labels.classes": "the classes to decide among as --labels happy,sad",
    "data.root": "the place of the data as --data PATH",
}
"""Options of fer.train -> the flags of fer.evaluate that stand for them."""
