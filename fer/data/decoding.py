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

MANY = 2000  # pictures from which on a progress bar is worth its line


class Box(NamedTuple):
    """A rectangle in a picture as stored, before rotation: pixels or, with `fractions`, shares of width and height."""

    left: float
    top: float
    right: float
    bottom: float
    fractions: bool = False


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
    the largest face that is detected. A name may come several times.
    Raises UserError for a picture that is unreadable or has more than `files.limits.pixels` pixels, unless
    `on_bad_row` is "skip", and always for a Git LFS pointer.
    """
    positions: dict[str, list[int]] = defaultdict(list)
    for position, name in enumerate(names):
        positions[name].append(position)
    images, kept, faceless = np.empty((len(names), SIZE, SIZE), np.uint8), [], 0
    align = files.limits.align
    to_image = cropper() if align else to_face
    quiet = len(names) < MANY or not get_console().is_terminal
    content = files.read(positions)
    for name, data in track(content, f"reading {files.root}", len(positions), transient=True, disable=quiet):
        where = files.path(name)
        try:
            picture = decode(data, where, files.limits.pixels, colours=align)
            for position in positions[name]:
                box = boxes[position] if boxes else None
                images[len(kept)] = to_face(crop(picture, box, where)) if box else to_image(picture)
                kept.append(position)
        except NoFace:
            faceless += 1
        except Unreadable as error:
            check_no_pointer(data, where)
            if on_bad_row != "skip":
                fix = "replace or remove it, or drop such pictures with data.on_bad_row=skip"
                if isinstance(error, TooLarge):
                    fix = "shrink it, raise data.max_pixels, or drop such pictures with data.on_bad_row=skip"
                raise UserError(f"{error}; {fix}") from error
    return Decoded(images[: len(kept)], kept, faceless)


def crop(picture: Image.Image, box: Box, where: str) -> Image.Image:
    """Returns the part of a picture inside a box. Raises Unreadable where the box has no area in the picture."""
    width, height = (picture.width, picture.height) if box.fractions else (1, 1)
    left, right = (round(min(max(x * width, 0), picture.width)) for x in (box.left, box.right))
    top, bottom = (round(min(max(y * height, 0), picture.height)) for y in (box.top, box.bottom))
    if left >= right or top >= bottom:
        shown = ", ".join(f"{edge:g}" for edge in box[:4])
        raise Unreadable(where, f"the box {shown} lies outside of its {picture.width}×{picture.height} pixels")
    return picture.crop((left, top, right, bottom))
