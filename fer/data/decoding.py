"""Decodes the pictures of a data set to 48×48 grey faces."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from rich import get_console
from rich.progress import track

from fer.data.face_crops import NoFace, cropper
from fer.data.files import Files
from fer.data.reading import check_no_pointer
from fer.errors import UserError
from fer.pictures import TooLarge, Unreadable, decode
from fer.preprocess import SIZE, to_face
from fer.threads import on_all_cores

MANY = 2000  # pictures from which on a progress bar is worth its line


class Box(NamedTuple):
    """A rectangle in a picture as stored, before rotation: pixels or, with `fractions`, shares of width and height."""

    left: float
    top: float
    right: float
    bottom: float
    fractions: bool = False


Answer = np.ndarray | NoFace | Unreadable
"""A face, (48, 48) uint8, or the reason why there is none."""


class Decoded(NamedTuple):
    """Faces in the order of reading."""

    images: np.ndarray  # (n, 48, 48) uint8
    rows: list[int]  # their positions among the names
    faceless: int  # pictures without a face, with `data.align`


def decode_faces(
    files: Files, names: Sequence[str], on_bad_row: str, boxes: Sequence[Box | None] | None = None
) -> Decoded:
    """Returns the readable pictures as faces.

    boxes: the part of each picture that shows the face; None stands for all of it or, with `files.limits.align`, for
    the largest face that is detected, on all cores. A name may come several times.
    Raises UserError for a picture that is unreadable or has more than `files.limits.pixels` pixels, unless
    `on_bad_row` is "skip", and always for a Git LFS pointer.
    """
    positions: dict[str, list[int]] = defaultdict(list)
    for position, name in enumerate(names):
        positions[name].append(position)
    images, kept, faceless = np.empty((len(names), SIZE, SIZE), np.uint8), [], 0
    align, to_image = files.limits.align, cropper(files.limits.align) if files.limits.align else to_face

    def face_of(picture: Image.Image, box: Box | None, where: str) -> Answer:
        try:
            return to_face(crop(picture, box, where)) if box else to_image(picture)
        except (NoFace, Unreadable) as error:
            return error

    def faces_in(file: tuple[str, bytes]) -> list[Answer]:
        """Returns an answer for each of the picture's positions."""
        name, content = file
        where, rows = files.path(name), positions[name]
        try:
            picture = decode(content, where, files.limits.pixels, colours=bool(align))
        except Unreadable as error:
            return [error] * len(rows)
        return [face_of(picture, boxes[row] if boxes else None, where) for row in rows]

    quiet = len(names) < MANY or not get_console().is_terminal
    content = track(files.read(positions), f"reading {files.root}", len(positions), transient=True, disable=quiet)
    all_answers = on_all_cores(faces_in, content) if align else ((file, faces_in(file)) for file in content)
    for (name, data), answers in all_answers:
        for row, answer in zip(positions[name], answers, strict=True):
            if isinstance(answer, NoFace):
                faceless += 1
            elif isinstance(answer, Unreadable):
                check_no_pointer(data, files.path(name))
                if on_bad_row != "skip":
                    raise UserError(f"{answer}; {remedy(answer)}") from answer
            else:
                images[len(kept)] = answer
                kept.append(row)
    return Decoded(images[: len(kept)], kept, faceless)


def remedy(error: Unreadable) -> str:
    change = "shrink it, raise data.max_pixels" if isinstance(error, TooLarge) else "replace or remove it"
    return f"{change}, or drop such pictures with data.on_bad_row=skip"


def crop(picture: Image.Image, box: Box, where: str) -> Image.Image:
    """Returns the part of a picture inside a box. Raises Unreadable where the box has no area in the picture."""
    width, height = (picture.width, picture.height) if box.fractions else (1, 1)
    left, right = (round(min(max(x * width, 0), picture.width)) for x in (box.left, box.right))
    top, bottom = (round(min(max(y * height, 0), picture.height)) for y in (box.top, box.bottom))
    if left >= right or top >= bottom:
        shown = ", ".join(f"{edge:g}" for edge in box[:4])
        raise Unreadable(where, f"the box {shown} lies outside of its {picture.width}×{picture.height} pixels")
    return picture.crop((left, top, right, bottom))
