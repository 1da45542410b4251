"""A picture at the scales at which it was decoded: small for detection, larger where a face is small."""

from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

import numpy as np
from PIL import Image

from fer.pictures import ENOUGH, decode_reduced
from fer.prediction.detect import MAX_SIDE, Box, Location, Region, shrink
from fer.prediction.opencv import opencv
from fer.prediction.upright import crop_face
from fer.preprocess import to_grey, upright

LARGER = 1.2
"""A photo is decoded with sides at least this much larger than those of the copy for detection, which is shrunk from it
as it would be from the whole photo: so the boxes are nearly the same."""
MIN_PIXELS = 96
"""A face is cropped from the smallest scale at which its side has this many pixels, twice those that networks see."""


class Scales:
    """An upright picture in mode L, perhaps smaller than in its file.

    size: width and height of the whole picture. larger: returns the picture whose longer side has at least the given
    number of pixels; None if `grey` is the whole picture. decoded: further scales that are there already.
    """

    def __init__(
        self,
        grey: Image.Image,
        size: tuple[int, int] | None = None,
        larger: Callable[[int], Image.Image] | None = None,
        decoded: Sequence[Image.Image] = (),
    ):
        self.grey, self.size, self.larger = grey, size or grey.size, larger
        self.decoded = {picture.width: picture for picture in (grey, *decoded)}

    def enlarged(self, location: Location) -> Location:
        """Returns a face found in `grey` with its box in pixels of the whole picture."""
        if self.grey.size == self.size:
            return location
        return location._replace(box=scaled(location.box, self.grey.size, self.size))

    def faces(self, regions: Sequence[Region], tilts: Sequence[float]) -> list[np.ndarray]:
        """Returns the (48, 48) uint8 face in each square of the whole picture; see `Location` for tilts."""
        by_size = sorted(range(len(regions)), key=lambda index: regions[index][2] - regions[index][0])
        faces = {index: self.face(regions[index], tilts[index]) for index in by_size}  # the smallest needs the largest
        return [faces[index] for index in range(len(regions))]

    def face(self, region: Region, tilt: float = 0.0) -> np.ndarray:
        """Returns the face in one of the squares."""
        picture = self._for(region[2] - region[0])
        return crop_face(picture, scaled(region, self.size, picture.size), tilt)

    def _for(self, side: int) -> Image.Image:
        """Returns the smallest decoded picture in which `side` pixels of the whole one are MIN_PIXELS, or the whole."""
        width = self.size[0] * min(1.0, MIN_PIXELS / side)
        enough = [decoded for decoded in sorted(self.decoded) if decoded >= width]
        if enough:
            return self.decoded[enough[0]]
        longer = round(max(self.size) * width / self.size[0])
        picture = self.larger(longer) if self.larger else self.grey
        self.decoded[picture.width] = picture
        return picture


def file_scales(content: bytes | Path, name: object, limit: int) -> Scales:
    """Decodes a picture file at the scale for detection. Raises Unreadable and TooLarge."""

    def at(side: int) -> tuple[Image.Image, tuple[int, int]]:
        picture, size = decode_reduced(content, name, side, limit)
        grey = upright(picture)
        return to_grey(grey), size if grey.size == picture.size else (size[1], size[0])

    picture, size = at(ceil(LARGER * MAX_SIDE / ENOUGH))
    small, _ = shrink(opencv(), np.asarray(picture))
    return Scales(Image.fromarray(small), size, lambda side: at(ceil(side / ENOUGH))[0], [picture])


def scaled(box: Box, size: tuple[int, int], other: tuple[int, int]) -> Box:
    """Returns left, top and two further numbers of a picture of one size in pixels of the same picture in another."""
    across, down = other[0] / size[0], other[1] / size[1]
    left, top, third, fourth = box
    return round(left * across), round(top * down), round(third * across), round(fourth * down)
