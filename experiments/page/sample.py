"""Draws the sample picture of the page: six faces with different expressions, in the colours of old photographs.

    python experiments/page/sample.py --out fer/serving/page/sample.jpg

The faces are those of data=synthetic, drawn larger, from further away, and without noise and anything that hides them.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image, ImageOps

from fer.data import canvas, synthetic
from fer.data.emotions import EMOTIONS
from fer.errors import one_line_errors

SIDE, GAP = 320, 16  # pixels of a face and between faces
SEED, PEOPLE = 3, 9  # drawn of each emotion
FACES = (("happy", 5), ("surprise", 3), ("sad", 7), ("fear", 3), ("happy", 2), ("surprise", 8))
COLUMNS = 3
DARK, LIGHT = "#2b211c", ("#ffe3c8", "#f4dcc0", "#ffe9d6", "#e8d9c4", "#f7d9bd", "#ffeedd")
WALL = "#3b4148"
HIDDEN = ("bar", "scarf", "strand", "hand")
CLOSER = {"scale": (0.72, 0.8), "shift_y": (-0.05, 0.02), "grain": (0, 0, 0, 0, 0), "wall": (0.3, 0.9)}


@contextmanager
def large() -> Iterator[None]:
    """Makes `synthetic.draw` draw faces of SIDE pixels in the block."""
    ranges = CLOSER | dict.fromkeys(HIDDEN, (0, 0, 0, 0, 0))
    with (
        mock.patch.object(synthetic, "SIZE", SIDE),
        mock.patch.object(canvas, "SIZE", SIDE),
        mock.patch.dict(synthetic.RANGES, ranges),
    ):
        yield


def sample() -> Image.Image:
    """Returns the RGB picture."""
    with large():
        faces = synthetic.draw(np.repeat(np.arange(len(EMOTIONS)), PEOPLE), SEED)
    step, rows = SIDE + GAP, -(-len(FACES) // COLUMNS)
    picture = Image.new("RGB", (COLUMNS * step + GAP, rows * step + GAP), WALL)
    for place, ((emotion, person), light) in enumerate(zip(FACES, LIGHT, strict=True)):
        face = Image.fromarray(faces[EMOTIONS.index(emotion) * PEOPLE + person])
        row, column = divmod(place, COLUMNS)
        picture.paste(ImageOps.colorize(face, DARK, light), (GAP + column * step, GAP + row * step))
    return picture


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("sample.jpg"), metavar="FILE")
    args = parser.parse_args(arguments)
    sample().save(args.out, quality=85)
    print(f"wrote {args.out}")
    return 0


if __name__ == "__main__":
    with one_line_errors():
        sys.exit(main())
