"""Colours of the classes in figures, on photos and on the page. Imports nothing, so the server needs no matplotlib."""

from collections.abc import Sequence

PALETTE = {
    "angry": "#d1495b",
    "disgust": "#6a994e",
    "fear": "#7b5ea7",
    "happy": "#edae49",
    "sad": "#30638e",
    "surprise": "#e07a3f",
    "neutral": "#8d99ae",
    "contempt": "#2a9d8f",
}
UNSURE_COLOR = "#5c6670"
# fmt: off
OTHERS = (
    "#393b79", "#637939", "#8c6d31", "#843c39", "#7b4173", "#5254a3", "#8ca252", "#bd9e39", "#ad494a", "#a55194",
    "#6b6ecf", "#b5cf6b", "#e7ba52", "#d6616b", "#ce6dbd", "#9c9ede", "#cedb9c", "#e7cb94", "#e7969c", "#de9ed6",
)
# fmt: on
"""matplotlib's tab20b, in an order in which neighbours differ in hue."""


def class_colors(classes: Sequence[str]) -> dict[str, str]:
    """Returns the colour of each class: the emotion's own in PALETTE, for other classes one of twenty in turn."""
    return {name: PALETTE.get(name, OTHERS[index % len(OTHERS)]) for index, name in enumerate(classes)}


def text_color(background: str) -> str:
    """Returns "black" or "white", whichever has more contrast with a "#rrggbb" colour: at least 4.58:1."""
    return "black" if contrast(background, "#000000") > contrast(background, "#ffffff") else "white"


def contrast(first: str, second: str) -> float:
    """Returns the contrast ratio of two "#rrggbb" colours, 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Returns the relative luminance of a "#rrggbb" colour, 0 to 1 (WCAG 2.2)."""
    levels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
