"""Compares the detectors haar and haar-fast: faces found, false boxes and time.

    python experiments/faces_in_scenes/cascade.py --data ~/data/fer2013.csv --scenes 250

Both see the same pictures in turn: drawn scenes of 640×480 with a face of the validation split, 24 to 240 pixels wide
(see measure.py), and the pictures of scikit-image without a face, whole and in quarters. ms is processor time of one
thread. Prints a table and writes cascade.csv to --out.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from measure import SEED, is_hit, scene
from PIL import Image
from rich.progress import track
from skimage import data as pictures

from fer.arguments import whole
from fer.errors import one_line_errors
from fer.evaluation.loading import load_classifier
from fer.prediction.detect import Box, Haar
from fer.prediction.fast_cascade import HaarFast
from fer.prediction.opencv import opencv
from fer.prediction.outputs import make_folder
from fer.report import markdown_table
from fer.shipped import WEIGHTS

SIDES = ((24, 48), (48, 120), (120, 241))
WITHOUT_FACE = (
    "brick",
    "camera",
    "chelsea",
    "clock",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "moon",
    "page",
    "rocket",
    "text",
)
BICUBIC = Image.Resampling.BICUBIC
Search = Callable[[np.ndarray], list[Box]]


def searches() -> dict[str, Search]:
    large, fast_large = Haar(), HaarFast()
    large.divisor = fast_large.divisor = 10
    return {
        "haar": Haar(),
        "haar-fast": HaarFast(),
        "haar, --min-face 0.1": large,
        "haar-fast, --min-face 0.1": fast_large,
    }


def measure(ways: dict[str, Search], scenes: list[tuple[np.ndarray, Box]], empty: list[np.ndarray]) -> pd.DataFrame:
    """Returns a row for each search."""
    boxes: dict[str, list[list[Box]]] = {name: [] for name in ways}
    seconds = dict.fromkeys(ways, 0.0)
    for grey in track([picture for picture, _ in scenes] + empty, "pictures", transient=True):
        for name, search in ways.items():
            started = time.process_time()
            boxes[name].append(search(grey))
            seconds[name] += time.process_time() - started
    sides = np.array([face[2] for _, face in scenes])
    found = {name: hits(part[: len(scenes)], scenes) for name, part in boxes.items()}
    first = next(iter(found.values()))
    return pd.DataFrame(
        [
            {
                "search": name,
                **{
                    f"found, {low}–{high - 1} px, %": percent(right[(sides >= low) & (sides < high)])
                    for low, high in SIDES
                },
                "found, all, %": percent(right),
                "lost": int((first & ~right).sum()),
                "gained": int((right & ~first).sum()),
                "other boxes": sum(map(len, boxes[name])) - int(right.sum()),
                "boxes in pictures without a face": sum(map(len, boxes[name][len(scenes) :])),
                "ms": round(1000 * seconds[name] / len(boxes[name]), 1),
            }
            for name, right in found.items()
        ]
    )


def quarters(grey: np.ndarray) -> list[np.ndarray]:
    """Returns the quarters of a picture, each enlarged to the size of the whole."""
    height, width = (side // 2 for side in grey.shape)
    parts = [grey[top : top + height, left : left + width] for top in (0, height) for left in (0, width)]
    return [np.asarray(Image.fromarray(part).resize((2 * width, 2 * height), BICUBIC)) for part in parts]


def hits(boxes: list[list[Box]], scenes: list[tuple[np.ndarray, Box]]) -> np.ndarray:
    """Returns for each scene whether its face was found."""
    return np.array([any(is_hit(box, face) for box in part) for part, (_, face) in zip(boxes, scenes, strict=True)])


def percent(values: np.ndarray) -> float:
    return round(100 * float(values.mean()), 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="PATH", action="append", help="the faces (default: where pocket was trained)")
    parser.add_argument("--scenes", type=whole, default=250)
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    opencv().setNumThreads(1)
    split = load_classifier(WEIGHTS / "pocket.pt", args.data).split("val")
    rng = np.random.default_rng(SEED)
    scenes = []
    for row in rng.permutation(len(split))[: args.scenes]:
        side = int(np.exp(rng.uniform(np.log(SIDES[0][0]), np.log(SIDES[-1][1]))))
        picture, face = scene(split.images[row, 0].numpy(), side, rng)
        scenes.append((np.asarray(picture), face))
    whole_ones = [np.asarray(Image.fromarray(getattr(pictures, name)()).convert("L")) for name in WITHOUT_FACE]
    empty = [part for grey in whole_ones for part in (grey, *quarters(grey))]
    table = measure(searches(), scenes, empty)
    print(markdown_table(table))
    table.to_csv(make_folder(args.out) / "cascade.csv", index=False)
    print(f"wrote {args.out}/cascade.csv: {len(scenes)} scenes, {len(empty)} pictures without a face")
    print("next: python -m fer.predict PICTURE")


if __name__ == "__main__":
    with one_line_errors():
        main()
