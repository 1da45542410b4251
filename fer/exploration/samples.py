"""Report section of example faces: by class, augmented, and blank ones."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fer.data import statistics
from fer.exploration.examined import Data, listed, short, some_of_each
from fer.report import Report

SAMPLES, DRAWS, SHOWN = 10, 5, 32
"""Faces of each class, augmented versions of a face, blank images on a sheet."""


def samples(report: Report, data: Data) -> None:
    from fer.plots.data import faces_in_rows

    images, _ = data.training
    chosen = some_of_each(data, SAMPLES)
    report.heading("Samples")
    least = min(map(len, chosen))
    few = "" if least == SAMPLES else f", {least} where there are no more"
    report.text(f"{SAMPLES} training images of each class{few}, drawn at random (seed {data.cfg.seed}).")
    rows = [images[rows] for rows in chosen]
    report.faces(lambda: faces_in_rows(rows, data.classes), "samples", "a row of faces a class")


def augmented(report: Report, data: Data) -> None:
    from fer.plots.data import faces_in_rows

    report.heading("Augmented faces")
    nodes = {name: node for name, node in data.cfg.augment.items() if node}
    if not nodes:
        report.text("`augment=none`: training sees the images as they are.")
        return
    rows = np.concatenate(some_of_each(data, 1))[:8]
    images, labels = (array[rows] for array in data.training)
    drawn = draws(data.module.augmentation, images, labels, data.cfg.seed)
    change = ""
    if drawn.shape[2:] == images.shape[1:]:
        change = f"; a draw changes a pixel by {np.abs(drawn - images).mean():.0f} grey levels on average"
    report.text(
        f"In every epoch, training transforms each image by {listed(list(nodes))}. "
        f"Left the original, then {DRAWS} draws{change}."
    )
    columns = ["original", *(f"draw {number}" for number in range(1, DRAWS + 1))]
    names = [data.classes[label] for label in labels]
    grid = [[image, *drawn[:, row]] for row, image in enumerate(images)]
    report.faces(partial(faces_in_rows, grid, names, columns), "augmented", "originals and augmented versions")
    if len(nodes) > 1:
        each = [draws(one, images, labels, data.cfg.seed) for one in data.module.augmentation.transforms.values()]
        grid = [[images[row % len(rows)], *drawn[:, row % len(rows)]] for row, drawn in enumerate(each)]
        report.faces(partial(faces_in_rows, grid, list(nodes), columns), "augmented_each", "every transform by itself")
    settings = [
        ", ".join(f"{key} {value}" for key, value in node.items() if key != "_target_") for node in nodes.values()
    ]
    report.table(pd.DataFrame({"transform": nodes.keys(), "settings": settings}))


def draws(transform: Any, images: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """(n, H, W) uint8, (n,) -> (DRAWS, n, H', W') float32 in 0–255, each image with its own draw."""
    import torch

    torch.manual_seed(seed)
    batch = torch.from_numpy(images)[:, None].float().div(255).repeat(DRAWS, 1, 1, 1)
    drawn, _ = transform(batch, torch.from_numpy(labels).repeat(DRAWS))
    return 255 * drawn[:, 0].unflatten(0, (DRAWS, -1)).numpy()


def blanks(report: Report, data: Data) -> None:
    from fer.plots import face_sheet

    contrast = data.measures["contrast"].to_numpy()
    rows = np.flatnonzero(contrast < statistics.BLANK)
    rows = rows[np.argsort(contrast[rows], kind="stable")]
    report.heading("Blank images")
    if not len(rows):
        report.text(f"None: every image has a contrast of {contrast.min():.1f} grey levels or more.")
        return
    constant, inside = int((contrast == 0).sum()), pd.Series(data.splits[rows]).value_counts(sort=False)
    report.text(
        f"{constant:,} of {len(contrast):,} images have one grey level throughout, and {len(rows) - constant:,} more "
        f"have hardly any contrast (below {statistics.BLANK:g} grey levels): "
        + listed([f"{count:,} in {split}" for split, count in inside.items()])
        + ". Whatever their labels say, nothing can be learnt from them."
    )
    names = np.array(data.classes)[data.labels[rows]]
    titles = [
        f"{name}, {split}\n{short(id)}"
        for name, split, id in zip(names, data.splits[rows], data.ids[rows], strict=True)
    ]
    sheet = partial(face_sheet, data.images[rows[:SHOWN]], titles[:SHOWN])
    report.faces(sheet, "blanks", "blank images with label and split")
    known = {"split": data.splits[rows], "id": data.ids[rows], "class": names, "contrast": contrast[rows].round(2)}
    table = pd.DataFrame(known)
    report.table(table.head(SHOWN))
    report.tables["blanks"] = table
