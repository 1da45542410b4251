"""Report sections that show faces: examples of each class, augmented faces, and blank images."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from fer.augment import Augment
from fer.data import statistics
from fer.exploration.dataset import Dataset, join_words, sample_rows, short_id
from fer.plots import face_sheet
from fer.plots.data import faces_in_rows
from fer.report import Report

SAMPLES = 10
"""Faces shown of each class."""
DRAWS = 5
"""Augmented versions shown of each face."""
MAX_AUGMENTED, MAX_BLANKS = 8, 32
"""Faces at most on the sheets of augmented faces and of blank images."""


def add_samples(report: Report, data: Dataset) -> None:
    images, _ = data.training
    rows_by_class = sample_rows(data, SAMPLES)
    report.heading("Samples")
    fewest = min(map(len, rows_by_class))
    exception = "" if fewest == SAMPLES else f", {fewest} where there are no more"
    report.text(f"{SAMPLES} training images of each class{exception}, drawn at random (seed {data.cfg.seed}).")
    faces = [list(images[rows]) for rows in rows_by_class]
    report.faces(lambda: faces_in_rows(faces, data.classes), "samples", "a row of faces a class")


def add_augmented(report: Report, data: Dataset) -> None:
    report.heading("Augmented faces")
    nodes = {name: node for name, node in data.cfg.augment.items() if node}
    if not nodes:
        report.text("`augment=none`: training sees the images as they are.")
        return
    rows = np.concatenate(sample_rows(data, 1))[:MAX_AUGMENTED]
    images, labels = (array[rows] for array in data.training)
    augmentation, seed = data.module.augmentation, data.cfg.seed
    assert isinstance(augmentation, Augment)
    augmented = draw(augmentation, images, labels, seed)
    change = ""
    if augmented.shape[2:] == images.shape[1:]:
        change = f"; a draw changes a pixel by {np.abs(augmented - images).mean():.0f} grey levels on average"
    report.text(
        f"In every epoch, training transforms each image by {join_words(list(nodes))}. "
        f"Left the original, then {DRAWS} draws{change}."
    )
    columns = ["original", *(f"draw {number}" for number in range(1, DRAWS + 1))]
    names = [data.classes[label] for label in labels]
    grid = [[image, *augmented[:, row]] for row, image in enumerate(images)]
    report.faces(partial(faces_in_rows, grid, names, columns), "augmented", "originals and augmented versions")
    if len(nodes) > 1:
        grid = []
        for index, transform in enumerate(augmentation.transforms.values()):
            row = index % len(rows)
            grid.append([images[row], *draw(transform, images, labels, seed)[:, row]])
        report.faces(partial(faces_in_rows, grid, list(nodes), columns), "augmented_each", "every transform by itself")
    report.table(pd.DataFrame({"transform": nodes.keys(), "settings": [settings(node) for node in nodes.values()]}))


def settings(node: Mapping[str, Any]) -> str:
    """Returns the arguments of a transform, such as "p 0.5, size 44"."""
    return ", ".join(f"{key} {value}" for key, value in node.items() if key != "_target_")


def draw(transform: nn.Module, images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """Returns DRAWS random versions of each face, (DRAWS, N, H', W') float32 in [0, 255].

    images: (N, H, W) uint8. labels: (N,) int64.
    """
    torch.manual_seed(seed)
    batch = torch.from_numpy(images)[:, None].float().div(255).repeat(DRAWS, 1, 1, 1)
    augmented, _ = transform(batch, torch.from_numpy(labels).repeat(DRAWS))
    return 255 * augmented[:, 0].unflatten(0, (DRAWS, -1)).numpy()


def add_blanks(report: Report, data: Dataset) -> None:
    """Adds the images of (nearly) a single grey level."""
    contrast = data.measures["contrast"].to_numpy()
    rows = np.flatnonzero(contrast < statistics.BLANK)
    rows = rows[np.argsort(contrast[rows], kind="stable")]
    report.heading("Blank images")
    if not len(rows):
        report.text(f"None: every image has a contrast of {contrast.min():.1f} grey levels or more.")
        return
    splits, ids, names = data.splits[rows], data.ids[rows], data.label_names()[rows]
    constant = int((contrast == 0).sum())
    counts = [f"in {split} ({(splits == split).sum():,})" for split in dict.fromkeys(splits)]
    report.text(
        f"One grey level throughout: {constant:,} of {len(contrast):,} images; hardly any contrast, below "
        f"{statistics.BLANK:g} grey levels: {len(rows) - constant:,} more. They lie {join_words(counts)}. Whatever "
        "their labels say, nothing can be learnt from them."
    )
    titles = [f"{name}, {split}\n{short_id(id)}" for name, split, id in zip(names, splits, ids, strict=True)]
    sheet = partial(face_sheet, data.images[rows[:MAX_BLANKS]], titles[:MAX_BLANKS])
    report.faces(sheet, "blanks", "blank images with label and split")
    table = pd.DataFrame({"split": splits, "id": ids, "class": names, "contrast": contrast[rows].round(2)})
    report.table(table.head(MAX_BLANKS))
    report.tables["blanks"] = table
