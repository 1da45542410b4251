"""Figures of faces with heat maps of the pixels that mattered."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from fer.plots import RIGHT, WRONG

FOR, AGAINST = to_rgb("#e02020"), to_rgb("#2050e0")
COVER = 0.8  # how much of a pixel the strongest heat hides
GAP = 2  # white pixels between the face and its copy with heat


class Explained(NamedTuple):
    """A face (H, W) uint8, its heat (H, W) in [-1, 1], and what it was taken for."""

    face: np.ndarray
    heat: np.ndarray
    predicted: str
    probability: float


def heat_sheet(lines: Mapping[str, Sequence[Explained]], title: str, columns: int) -> Figure:
    """A line a class, named at its left: each face beside a copy under its heat, the prediction above, red if wrong."""
    figure = Figure(figsize=(11, 0.7 + 1.3 * len(lines)), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=11)
    grid = figure.subplots(len(lines), columns, squeeze=False)
    for axes in grid.ravel():
        axes.axis("off")
    for (name, cells), panels in zip(lines.items(), grid, strict=True):
        panels[0].text(-0.06, 0.5, name, transform=panels[0].transAxes, ha="right", va="center", fontsize=10)
        for axes, cell in zip(panels, cells, strict=False):
            axes.imshow(pair(cell.face, cell.heat))
            color = RIGHT if cell.predicted == name else WRONG
            axes.set_title(f"{cell.predicted} {100 * cell.probability:.0f} %", fontsize=9, color=color, pad=3)
    return figure


def pair(face: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """(H, 2 W + GAP, 3) in [0, 1]: the face, and the face under red where heat is above 0 and blue where below."""
    grey = np.repeat(face[..., None] / 255, 3, axis=-1)
    cover = COVER * np.abs(heat)[..., None]
    tint = np.where(heat[..., None] > 0, FOR, AGAINST)
    return np.concatenate([grey, np.ones((len(face), GAP, 3)), grey * (1 - cover) + tint * cover], axis=1)
