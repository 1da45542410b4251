"""Figures of duplicates: one row of pictures per group."""

import re
from collections.abc import Hashable, Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fer.counting import counted
from fer.plots import PALETTE, WRONG

FACES = 7  # side by side; of a larger group the rest is only counted
WIDTH, HEIGHT, FACE = 1.35, 2.35, 1.2  # inches: of a face with its margin, of a row with its text, of a face


def duplicate_sheet(images: np.ndarray, groups: pd.DataFrame, classes: Sequence[str], most: int = 12) -> Figure:
    """The first `most` of `groups` (see `fer.data.duplicates`): those with conflicting labels, then those that lie in
    several splits, then the others.

    Above each of the (N, 48, 48) faces stand its split and label, below it what was done to the first of the group.
    """
    shown = [groups[groups["group"] == number] for number in by_urgency(groups)[:most]]
    columns = max((min(len(group), FACES) for group in shown), default=1)
    width, height = WIDTH * (columns + 1), HEIGHT * max(len(shown), 1)
    figure = Figure(figsize=(width, height), dpi=110)
    if not shown:
        figure.text(0.5, 0.5, "no copies", ha="center", va="center")
    for row, group in enumerate(shown):
        bottom = 1 - (HEIGHT * row + 0.42 + FACE) / height
        headline(figure, group, 0.08 / width, bottom + FACE / height)
        for column, face in enumerate(telling(group).to_dict("records")):
            place = (WIDTH * (column + 1) / width, bottom, FACE / width, FACE / height)
            draw(figure.add_axes(place), images[face["row"]], face, classes)
    return figure


def draw(axes: Axes, image: np.ndarray, face: Mapping[Hashable, Any], classes: Sequence[str]) -> None:
    name = classes[int(face["label"])] if face["label"] >= 0 else "no label"
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=PALETTE.get(name, "black"), linewidth=2)
    axes.set_title(f"{face['split']}\n{name}", fontsize=9, pad=4)
    axes.set_xlabel(wrapped(face["how"]), fontsize=7, labelpad=3)


def headline(figure: Figure, group: pd.DataFrame, x: float, y: float) -> None:
    lines = [f"group {group['group'].iloc[0]}", f"{group['kind'].iloc[0]}, {counted(len(group), 'image')}"]
    lines += [f"{len(group) - FACES} not shown"] * (len(group) > FACES)
    figure.text(x, y, "\n".join(lines), va="top", fontsize=8, linespacing=1.4)
    if group.loc[group["label"] >= 0, "label"].nunique() > 1:
        figure.text(x, y, "labels differ\n", va="bottom", fontsize=8, color=WRONG)


def telling(group: pd.DataFrame) -> pd.DataFrame:
    """At most FACES of a group: its first, and as many splits and labels as there are."""
    again = group.duplicated(["split", "label"]).to_numpy()
    return group.iloc[np.sort(np.argsort(again, kind="stable")[:FACES])]


def by_urgency(groups: pd.DataFrame) -> list[int]:
    """The numbers of the groups, those first that should be looked at first."""
    labelled = groups.assign(label=groups["label"].where(groups["label"] >= 0))
    different = labelled.groupby("group")[["label", "split"]].nunique() > 1
    return different.sort_values(["label", "split"], ascending=False, kind="stable").index.tolist()


def wrapped(how: str) -> str:
    """In short lines, "(1, 0)" and "7 %" in one piece."""
    return fill(re.sub(r"(?<=\d,) (?=-?\d)| (?=[(%])", "\xa0", how), 20)
