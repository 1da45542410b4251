"""Seeded pictures and videos of drawn faces, for screenshots and load tests of the server."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from fer.data.synthetic import synthetic_faces

SIZE = 640, 480
RATE = 10  # frames per second of a film
WALL = ((203, 190, 172), (150, 160, 176))  # colours at the top and the bottom
TINTS = ((255, 219, 186), (214, 160, 122), (255, 228, 205))


def scene(*numbers: int, seed: int = 0) -> Image.Image:
    """Returns a 640×480 RGB picture of drawn faces side by side, by their numbers from 0 to 99; a bare wall without."""
    top, bottom = (np.array(colour, float) for colour in WALL)
    ramp = np.linspace(0, 1, SIZE[1])[:, None, None]
    wall = (1 - ramp) * top + ramp * bottom + np.random.default_rng(seed).normal(0, 3, (SIZE[1], SIZE[0], 3))
    picture = Image.fromarray(wall.clip(0, 255).astype(np.uint8))
    images = synthetic_faces(100, 7, 7, seed=seed).images if numbers else ()
    side = min(240, SIZE[0] // max(1, len(numbers)) - 20)
    for place, number in enumerate(numbers):
        middle = (2 * place + 1) * SIZE[0] // (2 * len(numbers))
        face = portrait(images[number], side, TINTS[place % len(TINTS)])
        picture.paste(face, (middle - side // 2, (SIZE[1] - side) // 2), oval(side))
    return picture


def portrait(face: np.ndarray, side: int, tint: tuple[int, int, int]) -> Image.Image:
    """Returns a (48, 48) uint8 face enlarged to `side` pixels and coloured."""
    grey = np.asarray(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), float)
    return Image.fromarray((grey[..., None] * np.array(tint) / 255).astype(np.uint8))


def oval(side: int) -> Image.Image:
    """Returns a mask of `side` pixels: opaque in the middle, soft at the edge."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    inside = ((np.abs(x) ** 4 + np.abs(y) ** 4) < 0.85).astype(np.uint8) * 255
    return Image.fromarray(inside).filter(ImageFilter.GaussianBlur(side / 60))


def film(path: Path, *pictures: Image.Image) -> Path:
    """Writes a Y4M video with a second of each picture, which Chromium takes in place of a camera."""
    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{RATE}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            luma, blue, red = picture.convert("YCbCr").split()
            half = SIZE[0] // 2, SIZE[1] // 2
            planes = luma.tobytes() + blue.resize(half).tobytes() + red.resize(half).tobytes()
            file.write((b"FRAME\n" + planes) * RATE)
    return path
