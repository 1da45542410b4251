"""A network that tells dark from bright, and a short film."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.prediction.network import Network


class Brightness(Network):
    """Stands in for a network: the probability of "bright" is the mean brightness."""

    name = "brightness"
    classes = ("dark", "bright")
    temperature = None

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        bright = faces.mean((1, 2)) / 255
        return np.stack([1 - bright, bright], 1).astype(np.float32)


@pytest.fixture
def brightness() -> Brightness:
    return Brightness()


@pytest.fixture
def faces(grey_faces) -> np.ndarray:
    return grey_faces


@pytest.fixture
def film(tmp_path) -> Path:
    """30 frames, 10 a second: a square of 60 pixels moves right by 4 a frame, dark for a second, then bright."""
    from fer.prediction.video_writer import VideoWriter

    path = tmp_path / "film.mp4"
    writer = VideoWriter(path, (240, 120))
    for number in range(30):
        pixels = np.full((120, 240, 3), 128, np.uint8)
        pixels[30:90, 10 + 4 * number : 70 + 4 * number] = 20 if number < 10 else 235
        writer.add(Image.fromarray(pixels), number / 10)
    writer.close()
    return path


def square_of(grey: np.ndarray) -> list[tuple[int, int, int, int]]:
    """Finds the square of the film, and nothing in a picture without one."""
    rows, columns = np.nonzero(np.abs(grey.astype(int) - 128) > 60)
    if not len(rows):
        return []
    left, top = int(columns.min()), int(rows.min())
    return [(left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1)]


@pytest.fixture
def find_square():
    return square_of
