"""The data set that the sections of the report share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from fer.data import statistics
from fer.data.datamodule import FERDataModule
from fer.report import plain

UNITS = {
    "brightness": "mean grey level",
    "contrast": "standard deviation [grey levels]",
    "sharpness": "variance of the Laplacian",
    "noise": "noise [grey levels]",
}
"""Measure of an image -> its label in figures."""


@dataclass(frozen=True)
class Dataset:
    """All faces of a data module that is set up: training, then validation, then test."""

    cfg: DictConfig
    module: FERDataModule
    images: np.ndarray  # (N, 48, 48) uint8
    labels: np.ndarray  # (N,) int64
    splits: np.ndarray  # (N,) str
    ids: np.ndarray  # (N,) str

    @property
    def classes(self) -> list[str]:
        return list(self.module.classes)

    @property
    def training(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the training split."""
        size = len(self.module.splits["train"])
        return self.images[:size], self.labels[:size]

    @cached_property
    def measures(self) -> pd.DataFrame:
        """A row for each image with the columns of UNITS, see `statistics.measures`."""
        announce(f"measuring {len(self.images):,} images")
        return statistics.measures(self.images)

    def label_names(self) -> np.ndarray:
        """Returns the class of each image, (N,) str."""
        return np.array(self.classes)[self.labels]


def announce(task: str) -> None:
    """Prints what starts now."""
    print(f"{task} …", flush=True)


def join_words(words: Sequence[str]) -> str:
    """Returns `a, b and c`, escaped for Markdown."""
    *first, last = [plain(word) for word in words]
    return f"{', '.join(first)} and {last}" if first else last


def sample_rows(data: Dataset, count: int) -> list[np.ndarray]:
    """Returns random rows of the training images, at most `count` of each class."""
    random, (_, labels) = np.random.default_rng(data.cfg.seed), data.training
    return [random.permutation(np.flatnonzero(labels == label))[:count] for label in range(len(data.classes))]


def short_id(id: str) -> str:
    """Returns the end of an id, as much as fits over a face."""
    return id if len(id) <= 18 else f"…{id[-17:]}"
