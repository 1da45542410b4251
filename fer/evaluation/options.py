"""Options of `fer.evaluate` that apply to every input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from omegaconf import OmegaConf

from fer import config
from fer.errors import UserError


@dataclass(frozen=True)
class EvaluationOptions:
    """Options of the command line.

    split: the evaluated split. labels: see `parse_classes`. data: paths of the images. tta: a key of `fer.views.TTA`,
    None for the classifier's own. images: whether to read images and network, which is slow. faces: whether the report
    may show faces. numbers: see `parse_numbers`. logit_adjustment: τ, see `fer.evaluation.loading`.
    """

    split: str = "val"
    labels: str | None = None
    data: Sequence[str] | None = None
    tta: str | None = None
    images: bool = True
    faces: bool = True
    numbers: Any = None
    logit_adjustment: float = 0.0

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes that --labels names; None for all."""
        return parse_classes(self.labels)

    @property
    def needs_network(self) -> bool:
        """Whether the logits must be computed again."""
        return bool(self.tta or self.logit_adjustment)


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
