"""The data that the sections share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from fer.data import statistics
from fer.report import plain

UNITS = {
    "brightness": "mean grey level",
    "contrast": "standard deviation [grey levels]",
    "sharpness": "variance of the Laplacian",
    "noise": "noise [grey levels]",
}


@dataclass(frozen=True)
class Data:
    """Every face of a data module: training, then validation, then test."""

    cfg: DictConfig
    module: Any  # FERDataModule after setup
    images: np.ndarray  # (N, 48, 48) uint8
    labels: np.ndarray  # (N,) int64
    splits: np.ndarray  # (N,) str
    ids: np.ndarray  # (N,) str

    @property
    def classes(self) -> list[str]:
        return list(self.module.classes)

    @property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels."""
        size = len(self.module.splits["train"])
        return self.images[:size], self.labels[:size]

    @cached_property
    def measures(self) -> pd.DataFrame:
        """A row an image, see `statistics.measures`."""
        say(f"measuring {len(self.images):,} images")
        return statistics.measures(self.images)


def say(what: str) -> None:
    print(f"{what} …", flush=True)


def listed(words: Sequence[str]) -> str:
    """a, b and c, as Markdown that says just that."""
    words = [plain(word) for word in words]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def some_of_each(data: Data, count: int) -> list[np.ndarray]:
    """Random rows of the training images, at most `count` of each class."""
    random, (_, labels) = np.random.default_rng(data.cfg.seed), data.training
    return [random.permutation(np.flatnonzero(labels == label))[:count] for label in range(len(data.classes))]


def short(id: str) -> str:
    """The end of a name, as much as fits over a face."""
    return id if len(id) <= 18 else f"…{id[-17:]}"
