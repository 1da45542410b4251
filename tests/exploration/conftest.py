from collections.abc import Callable
from pathlib import Path

import pytest

from fer import eda
from fer.config import compose_config
from fer.data.emotions import USAGES
from fer.data.ferplus_rules import CLASSES
from fer.exploration.dataset import Dataset
from fer.report import Report

COLUMNS = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
VOTED = dict(
    zip(CLASSES, ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt"), strict=True)
)


@pytest.fixture(scope="session")
def load() -> Callable[..., Dataset]:
    """`load("data.root=…")`: the data set of a configuration."""
    return lambda *overrides: eda.load(compose_config(["output_dir=/nowhere", *overrides], "eda"))


@pytest.fixture(scope="session")
def section(load) -> Callable[..., Report]:
    """`section(overview.add_counts, "data.root=…")`: a report with one section, unwritten."""

    def make(add: Callable, *overrides: str) -> Report:
        report = Report("a part")
        add(report, load(*overrides))
        return report

    return make


@pytest.fixture
def write_votes() -> Callable[..., None]:
    """`write_votes(path, faces, answers)`: ten votes for the answer to each face."""

    def write(path: Path, faces, answers) -> None:
        lines = [",".join(["Usage", "Image name", *COLUMNS])]
        for row, (usage, answer) in enumerate(zip(faces.usage, answers, strict=True)):
            counts = ["10" if column == VOTED.get(answer, answer) else "0" for column in COLUMNS]
            lines.append(",".join([USAGES[usage], f"fer{row:07}.png", *counts]))
        path.write_text("\n".join(lines) + "\n")

    return write
