"""Pictures as Python code gives them: paths, bytes, open files, PIL images and arrays."""

import io
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from fer.errors import UserError
from fer.pictures import decode
from fer.preprocess import upright

Picture = str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray
"""A path, a picture file's content, an open one, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4), uint8."""


def to_image(picture: object, bgr: bool = False) -> Image.Image:
    """Returns the upright RGB picture. Raises UserError for what is no picture, and for URLs."""
    picture = picture.read() if isinstance(picture, io.RawIOBase | io.BufferedIOBase) else picture
    if isinstance(picture, Image.Image):
        return upright(picture).convert("RGB")
    if isinstance(picture, bytes | bytearray):
        return upright(decode(bytes(picture), "the picture", colours=True)).convert("RGB")
    if isinstance(picture, np.ndarray):
        return array_image(picture, bgr)
    if isinstance(picture, str) and "://" in picture:
        raise UserError(f"{picture}: URLs are not read; download the picture and give its path or its bytes")
    if isinstance(picture, str | os.PathLike):
        path = Path(picture).expanduser()
        return upright(decode(path, path, colours=True)).convert("RGB")
    raise UserError(f"expected a path, bytes, a file, a PIL image or an array; got {type(picture).__name__}")


def array_image(array: np.ndarray, bgr: bool) -> Image.Image:
    """Returns a uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as an RGB picture."""
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        raise UserError(
            f"expected an array (height, width) or (height, width, 3) of uint8; got {array.shape} of {array.dtype}"
        )
    if not array.size:
        raise UserError(f"expected a picture; got an array of {array.shape}, which has no pixels")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim == 3 and bgr:
        array = np.concatenate([array[:, :, 2::-1], array[:, :, 3:]], axis=2)
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
