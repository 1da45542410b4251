"""Draws boxes and labels on a picture."""

from collections.abc import Iterator, Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from fer.errors import UserError
from fer.palette import UNSURE_COLOR, class_colors, text_color
from fer.prediction.detect import Box
from fer.prediction.labels import Size, place_labels
from fer.prediction.predictor import UNSURE, Face

NO_FACE = "no face found"
SIDE_PER_TEXT, MIN_TEXT, MAX_TEXT = 40, 13, 150
"""Text is a fortieth of the picture's shorter side high, from 13 to 150 pixels; less in pictures below 65 pixels."""
SMALLEST_TEXT = 10
SIDE_PER_LINE, MIN_LINE = 170, 2
EDGE, GAP = (0, 0, 0, 110), (255, 255, 255, 150)
"""RGBA of the thin edge of lines and of the gaps between dashes: on any background, one of them shows."""


def annotate(picture: Image.Image, faces: Sequence[Face], note: str = "") -> Image.Image:
    """Returns a copy of an RGB picture with a box and a label for each face, and `note` in the upper left corner.

    A box has the colour of its expression, and is grey and dashed for "unsure". A label holds the number of the face,
    its expression and its probability, or as much of this as has room.
    """
    picture = picture.copy()
    draw = ImageDraw.Draw(picture, "RGBA")
    font = font_for(picture.size)
    notes = [(0, 0, *label_size(note, font))] if note else []
    line = max(MIN_LINE, round(min(picture.size) / SIDE_PER_LINE))
    for face in faces:
        draw_box(draw, face.box, color_of(face), line, dashed=face.label == UNSURE)
    texts = [captions(face) for face in faces]
    sizes = [[label_size(text, font) for text in group] for group in texts]
    places = place_labels([face.box for face in faces], sizes, picture.size, notes)
    for face, group, place in zip(faces, texts, places, strict=True):
        draw_label(draw, place.box, group[place.text], color_of(face), font)
    for box in notes:
        draw_label(draw, box, note, UNSURE_COLOR, font)
    return picture


def captions(face: Face) -> list[str]:
    """Returns the texts that can label a face, the longest first."""
    share = f"{100 * face.confidence:.0f} %"
    if face.label == UNSURE:
        guesses = [f"{face.number}: unsure ({face.likeliest(count)})" for count in (2, 1)]
        return [*guesses, f"{face.number}: unsure", str(face.number)]
    return [f"{face.number}: {face.label} {share}", f"{face.number}: {face.label}", str(face.number)]


def color_of(face: Face) -> str:
    """Returns the colour of the face's class as "#rrggbb"."""
    return UNSURE_COLOR if face.label == UNSURE else class_colors(list(face.probabilities))[face.label]


def text_size(picture: Size) -> int:
    """Returns the height of text in pixels for a picture of this size."""
    side = min(picture)
    largest = max(SMALLEST_TEXT, side // 5)
    return min(max(MIN_TEXT, round(side / SIDE_PER_TEXT)), MAX_TEXT, largest)


def font_for(picture: Size) -> ImageFont.FreeTypeFont:
    return load_font(text_size(picture))


@cache
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """Returns Pillow's own font. Raises UserError if Pillow was built without FreeType."""
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise UserError("this Pillow has no FreeType, which draws text: pip install --force-reinstall pillow")
    return font


def padding(font: ImageFont.FreeTypeFont) -> int:
    return max(1, round(font.size / 4))


def label_size(text: str, font: ImageFont.FreeTypeFont) -> Size:
    """Returns width and height in pixels of the label with this text."""
    return round(font.getlength(text)) + 2 * padding(font), sum(font.getmetrics())


def draw_label(draw: ImageDraw.ImageDraw, box: Box, text: str, color: str, font: ImageFont.FreeTypeFont) -> None:
    """Fills `box` with the colour and writes the text on it, black or white."""
    left, top, width, height = box
    draw.rectangle((left, top, left + width - 1, top + height - 1), fill=color)
    draw.text((left + padding(font), top), text, fill=text_color(color), font=font)


def draw_box(draw: ImageDraw.ImageDraw, box: Box, color: str, line: int, dashed: bool) -> None:
    """Draws the outline of a box, `line` pixels wide, inside of it."""
    left, top, width, height = box
    right, bottom, edge = left + width - 1, top + height - 1, max(1, line // 3)
    draw.rectangle((left - edge, top - edge, right + edge, bottom + edge), outline=EDGE, width=edge)
    draw.rectangle((left, top, right, bottom), outline=GAP if dashed else color, width=line)
    if width > 2 * line and height > 2 * line:
        draw.rectangle((left + line, top + line, right - line, bottom - line), outline=EDGE, width=edge)
    if not dashed:
        return
    for start, end in dashes(width, line):
        for y in (top, bottom - line + 1):
            draw.rectangle((left + start, y, left + end, y + line - 1), fill=color)
    for start, end in dashes(height, line):
        for x in (left, right - line + 1):
            draw.rectangle((x, top + start, x + line - 1, top + end), fill=color)


def dashes(length: int, line: int) -> Iterator[tuple[int, int]]:
    """Yields first and last pixel of each dash on an edge, which begins and ends with half a dash."""
    count = max(1, round(length / (8 * line)))
    bounds = [(length * (4 * step + part)) // (4 * count) for step in range(count) for part in (0, 1, 3, 4)]
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        yield start, max(start, end - 1)
