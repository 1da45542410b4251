"""Figure that explains one prediction: detection, the crop, probabilities, heat map, similar faces."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fer.plots import PALETTE, RIGHT, WRONG
from fer.plots.explain import pair

OTHER = "#457b9d"  # of classes that are none of the usual emotions


class Answer(NamedTuple):
    """A face and what was said of it."""

    picture: np.ndarray  # (H, W, 3) uint8
    box: tuple[float, float, float, float]  # left, top, width, height, as detected
    region: tuple[float, float, float, float]  # left, top, right, bottom, as cropped
    face: np.ndarray  # (48, 48) uint8
    label: str
    probabilities: Mapping[str, float]
    heat: np.ndarray | None  # (48, 48) in [0, 1], for the most probable class
    alike: Sequence[tuple[np.ndarray, str, str]]  # training faces, each with its label and a word on how like it is
    remarks: Sequence[str]  # why a part is missing


def probe_figure(answer: Answer, title: str) -> Figure:
    """The picture with box and crop, the face as the network saw it, probabilities, Grad-CAM, training faces."""
    figure = Figure(figsize=(12, 6.6), dpi=110, layout="constrained")
    figure.suptitle(title, fontsize=11, parse_math=False)  # a file may be called $x$.png
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 1.5], squeeze=False).flat
    picture, face, bars, heat = top.subplots(1, 4, width_ratios=[1.7, 1, 1.15, 1.9])
    draw_picture(picture, answer)
    show(face, answer.face, f"what the network saw\nbrightness {answer.face.mean():.0f} of 255")
    draw_bars(bars, answer)
    if answer.heat is None:
        blank(heat, "no Grad-CAM")
    else:
        show(heat, pair(answer.face, answer.heat), f"Grad-CAM: red speaks for {best(answer)}")
    draw_alike(bottom, answer)
    return figure


def best(answer: Answer) -> str:
    return max(answer.probabilities, key=lambda name: answer.probabilities[name])


def draw_picture(axes: Axes, answer: Answer) -> None:
    left, top, width, height = answer.box
    x, y, right, bottom = answer.region
    show(axes, answer.picture, f"face found: {width:.0f}×{height:.0f} pixels\nsolid: found, dashed: cropped")
    axes.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor="#00e676", linewidth=1.6))
    dashes = {"edgecolor": "white", "linewidth": 1.2, "linestyle": "--"}
    axes.add_patch(Rectangle((x, y), right - x, bottom - y, fill=False, **dashes))


def draw_bars(axes: Axes, answer: Answer) -> None:
    names = list(answer.probabilities)
    shares = [100 * answer.probabilities[name] for name in names]
    axes.barh(range(len(names)), shares[::-1], color=[PALETTE.get(name, OTHER) for name in names[::-1]])
    axes.set_yticks(range(len(names)), names[::-1])
    for row, value in enumerate(shares[::-1]):
        axes.text(min(value, 78) + 2, row, f"{value:.0f} %", va="center", fontsize=8.5)
    axes.set(xlim=(0, 100), xlabel="probability, %")
    axes.set_title(f"answer: {answer.label}", fontsize=9.5, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)


def draw_alike(figure, answer: Answer) -> None:
    """Training faces in a row, or why there are none."""
    said = best(answer)
    if answer.alike:
        for axes, (face, label, likeness) in zip(figure.subplots(1, len(answer.alike)), answer.alike, strict=True):
            show(axes, face, f"{label}\n{likeness}", RIGHT if label == said else WRONG)
        note = "training faces that the network finds most alike; green: of the class that it answers"
        figure.suptitle("; ".join([note, *answer.remarks]), fontsize=9.5)
    else:
        figure.text(0.5, 0.5, "\n".join(answer.remarks), ha="center", va="center", fontsize=9.5, wrap=True)


def show(axes: Axes, image: np.ndarray, title: str, color: str = "black") -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=9.5, color=color)
    axes.axis("off")


def blank(axes: Axes, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=10)
    axes.axis("off")
