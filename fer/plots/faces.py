"""Sheets of faces, with or without predictions above them."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RIGHT, WRONG = "#2b7a3d", "#b3261e"
CAPTION_WIDTH = 20
"""Characters in a line above a face."""
NAME_LENGTH = 32
"""Characters of a class's name above a face; longer names are cut."""
NO_BREAK = "\N{NO-BREAK SPACE}"


def face_sheet(
    images: np.ndarray,
    titles: Sequence[str] | None = None,
    colors: Sequence[str] | None = None,
    columns: int = 8,
    heading: str = "",
) -> Figure:
    """Draws (N, H, W) faces, uint8 or float in [0, 1], in a grid with the lines of its title above each."""
    height, width = images.shape[1:]
    rows = -(-len(images) // columns)
    step = height + 2 + caption_space(titles, width)
    heading = textwrap.fill(heading, 12 * columns)
    band = 0.2 * (heading.count("\n") + 2) if heading else 0.0  # inches
    face_inches = 1.25 * step / (width + 4)
    size = 1.25 * columns, face_inches * rows + band
    figure = Figure(figsize=size, dpi=110)
    axes = figure.add_axes((0, 0, 1, 1 - band / max(size[1], 1e-9)))
    draw_faces(axes, images, titles, colors, columns)
    if heading:
        figure.text(0.5, 1 - 0.5 * band / size[1], heading, ha="center", va="center", parse_math=False)
    return figure


def draw_faces(
    axes: Axes,
    images: np.ndarray,
    titles: Sequence[str] | None = None,
    colors: Sequence[str] | None = None,
    columns: int = 8,
    fontsize: float = 7.5,
) -> None:
    """Draws the faces as one picture: axes for each face take ten times as long."""
    height, width = images.shape[1:]
    step = height + 2 + caption_space(titles, width), width + 4
    rows = -(-len(images) // columns)
    white = 255 if images.dtype == np.uint8 else 1
    sheet = np.full((rows * step[0], columns * step[1]), white, images.dtype)
    axes.axis("off")
    for index, image in enumerate(images):
        bottom, left = (index // columns + 1) * step[0] - 1, index % columns * step[1] + 2
        sheet[bottom - height : bottom, left : left + width] = image
        if titles:
            axes.text(
                left + width / 2,
                bottom - height - 2,
                titles[index],
                fontsize=fontsize,
                color=colors[index] if colors else "black",
                linespacing=1.05,
                ha="center",
                va="bottom",
                parse_math=False,
            )
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=white)


def caption_space(titles: Sequence[str] | None, width: int) -> int:
    """Returns the height of the tallest title, in pixels of a face that is `width` pixels wide."""
    lines = max((title.count("\n") + 1 for title in titles), default=0) if titles else 0
    return round(0.14 * width * lines)


def prediction_sheet(
    images: np.ndarray,
    true: Sequence[str],
    predicted: Sequence[str],
    confidence: Sequence[float] | None = None,
    heading: str = "",
) -> Figure:
    """Draws faces with their predicted class, in red and with the true class where it is wrong.

    confidence: the probability of each predicted class, in [0, 1].
    """
    captions, colors = prediction_captions(true, predicted, confidence)
    return face_sheet(images, captions, colors, heading=heading)


def prediction_captions(
    true: Sequence[str], predicted: Sequence[str], confidence: Sequence[float] | None = None
) -> tuple[list[str], list[str]]:
    """Returns a caption such as "happy 71 %" or "said happy 71 %, is sad", and a colour, for each prediction."""
    shares = [""] * len(true) if confidence is None else [f" {100 * value:.0f}{NO_BREAK}%" for value in confidence]
    captions, colors = [], []
    for label, answer, share in zip(true, predicted, shares, strict=True):
        correct, wrong = f"{cut(answer)}{share}", [f"said {cut(answer)}{share},", f"is {cut(label)}"]
        lines = [correct] if label == answer else wrong
        captions.append("\n".join(textwrap.fill(line, CAPTION_WIDTH) for line in lines))
        colors.append(RIGHT if label == answer else WRONG)
    return captions, colors


def cut(name: str) -> str:
    """Returns a name of at most NAME_LENGTH characters."""
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1].rstrip()}…"
