"""Draws boxes and labels on a picture."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from fer.prediction.predictor import UNSURE, Face

BOX_COLOR, UNSURE_COLOR, TEXT_COLOR = "#1b7f4b", "#5c6670", "white"  # contrast with white: above 5:1


def annotate(picture: Image.Image, faces: Sequence[Face], note: str = "") -> Image.Image:
    """Returns a copy of an RGB picture with a box and a label for each face, and `note` in the upper left corner."""
    picture = picture.copy()
    draw = ImageDraw.Draw(picture)
    line = max(2, round(min(picture.size) / 250))
    for face in faces:
        color = UNSURE_COLOR if face.label == UNSURE else BOX_COLOR
        left, top, width, height = face.box
        draw.rectangle((left, top, left + width - 1, top + height - 1), outline=color, width=line)
        size = max(12, min(width // 7, picture.height // 12))
        draw_label(draw, (left, top), caption(face), color, size)
    if note:
        draw_label(draw, (0, 0), note, UNSURE_COLOR, size=max(12, picture.height // 30))
    return picture


def caption(face: Face) -> str:
    number = "" if face.track is None else f"{face.track}: "
    return f"{number}{face.label} {100 * face.confidence:.0f} %"


def draw_label(draw: ImageDraw.ImageDraw, corner: tuple[int, int], text: str, color: str, size: int) -> None:
    """Draws text on a filled bar above `corner`, moved into the picture where it would leave it."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = max(2, size // 6)
    width, height = right - left + 2 * pad, bottom - top + 2 * pad
    x = max(0, min(corner[0], draw.im.size[0] - width))
    y = max(0, corner[1] - height)
    draw.rectangle((x, y, x + width - 1, y + height - 1), fill=color)
    draw.text((x + pad - left, y + pad - top), text, fill=TEXT_COLOR, font=font)
