"""Measures face detection, and recognition after it, on faces pasted into drawn scenes.

    python experiments/faces_in_scenes/measure.py runs/train/defaults/seed-0 --data ~/data/fer2013.csv

Each scene is 640×480 pixels of smooth grey clouds with noise. It holds one face of the validation split, enlarged to a
side of 48 to 240 pixels. A detected box is a hit if its side is 0.5 to 1.6 times the face's and its centre lies within
a quarter of that side from the face's centre; any other box is a false positive. The pasted faces are cropped tightly
and have a hard edge, so they are harder to detect than faces in photographs. Prints tables and writes them as README.md
and CSV files to --out (default experiments/faces_in_scenes). No pixel of the data is stored.
"""

import argparse
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from rich.progress import track

from fer.arguments import whole
from fer.errors import UserError, one_line_errors
from fer.evaluation.loading import load_classifier
from fer.prediction.detect import MARGIN, Box, Haar, square
from fer.prediction.network import checkpoint_at
from fer.prediction.outputs import make_folder
from fer.prediction.predictor import Predictor
from fer.prediction.torch_network import TorchNetwork
from fer.preprocess import to_face
from fer.report import markdown_table

WIDTH, HEIGHT = 640, 480
SIDES = (48, 72, 120, 240)  # bounds of the size groups in the first table
MARGINS = (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4)
SEED = 0


def scene(face: np.ndarray, side: int, rng: np.random.Generator) -> tuple[Image.Image, Box]:
    """Returns a scene with a (48, 48) uint8 face enlarged to `side` pixels, and the face's box."""
    coarse = Image.fromarray(rng.uniform(40, 215, (HEIGHT // 40, WIDTH // 40)).astype(np.float32))
    clouds = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    grey = (clouds + rng.normal(0, 4, clouds.shape)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(grey)
    left, top = int(rng.integers(0, WIDTH - side)), int(rng.integers(0, HEIGHT - side))
    picture.paste(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), (left, top))
    return picture, (left, top, side, side)


def is_hit(box: Box, face: Box) -> bool:
    """Whether a detected box is that of the pasted face."""
    left, top, width, height = box
    face_left, face_top, side, _ = face
    dx = abs(left + width / 2 - (face_left + side / 2))
    dy = abs(top + height / 2 - (face_top + side / 2))
    return max(dx, dy) < side / 4 and 0.5 < width / side < 1.6


def measure(predictor: Predictor, faces: np.ndarray, labels: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns a table with a row for each face, and the accuracy for each crop margin.

    The first has the columns side (pixels), found, false (number of false positives), "as it is" and "detected"
    (whether the face is recognised before pasting and after detection), and frame (side of the face in sides of the
    detected box). faces: (N, 48, 48) uint8; labels: (N,) class indices.
    """
    rng = np.random.default_rng(SEED)
    rows, detections = [], []
    crops: dict[float, list[np.ndarray]] = {margin: [] for margin in MARGINS}
    for row, face in enumerate(track(faces, "scenes", transient=True, disable=not sys.stderr.isatty())):
        side = int(np.exp(rng.uniform(np.log(SIDES[0]), np.log(SIDES[-1]))))
        picture, face_box = scene(face, side, rng)
        boxes = predictor.detect(picture).boxes
        hits = [box for box in boxes if is_hit(box, face_box)]
        rows.append({"side": side, "found": bool(hits), "false": len(boxes) - len(hits)})
        if hits:
            detections.append({"row": row, "frame": side / hits[0][2]})
            for margin in MARGINS:
                crops[margin].append(to_face(picture.crop(square(hits[0], margin, WIDTH, HEIGHT))))
    if not detections:
        raise UserError("not one of the faces was found; is the detector the right one?")
    table = pd.DataFrame(rows)
    table["as it is"] = predicted_classes(predictor, faces) == labels
    table["detected"] = False
    found = [detection["row"] for detection in detections]
    accuracies = []
    for margin in MARGINS:
        correct = predicted_classes(predictor, np.stack(crops[margin])) == labels[found]
        accuracies.append({"margin": margin, "faces": len(correct), "accuracy": correct.mean()})
        if margin == MARGIN:
            table.loc[found, "detected"] = correct
    table["frame"] = pd.Series([detection["frame"] for detection in detections], index=found)
    return table, pd.DataFrame(accuracies)


def predicted_classes(predictor: Predictor, faces: np.ndarray) -> np.ndarray:
    """(N, 48, 48) uint8 -> (N,) class indices."""
    return predictor.probabilities(faces).argmax(1)


def by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Returns recall and accuracy in percent for each group of face sizes, and for all faces."""
    groups = [(f"{low}–{high - 1}", table[table["side"].between(low, high - 1)]) for low, high in pairwise(SIDES)]
    lines = []
    for name, part in [*groups, ("all", table)]:
        hits = part[part["found"]]
        lines.append(
            {
                "side, pixels": name,
                "faces": len(part),
                "found, %": round(100 * part["found"].mean(), 1),
                "false boxes": int(part["false"].sum()),
                "accuracy as they are, %": round(100 * part["as it is"].mean(), 1),
                "of those found, as they are, %": round(100 * hits["as it is"].mean(), 1),
                "of those found, detected, %": round(100 * hits["detected"].mean(), 1),
            }
        )
    return pd.DataFrame(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a run's folder or a .ckpt")
    parser.add_argument("--data", metavar="PATH", action="append", help="the faces (default: those of the training)")
    parser.add_argument("--scenes", type=whole, default=1000)
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    path = checkpoint_at(args.checkpoint)
    source = load_classifier(path, args.data)
    split = source.split("val")
    rows = np.random.default_rng(SEED).permutation(len(split))[: args.scenes]
    faces, labels = split.images[:, 0].numpy()[rows], split.labels.numpy()[rows]
    predictor = Predictor(TorchNetwork(path), Haar())
    table, margins = measure(predictor, faces, labels)
    options = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "experiments/faces_in_scenes/measure.py", *options])
    write(args.out, table, margins, command, source.datamodule.origin, predictor.network)


def write(
    folder: Path, table: pd.DataFrame, margins: pd.DataFrame, command: str, origin: str, network: TorchNetwork
) -> None:
    """Writes README.md, sides.csv and margins.csv, and prints the README."""
    sides = by_side(table)
    margins = margins.assign(accuracy=(100 * margins["accuracy"]).round(1)).rename(columns={"accuracy": "accuracy, %"})
    model = network.classifier.model
    text = f"""# Faces in larger pictures

What detection costs: faces of the validation split of {origin}, pasted into drawn scenes of {WIDTH}×{HEIGHT} pixels,
found again by OpenCV's cascade, recognised by {type(model).__name__} of \
{sum(p.numel() for p in model.parameters()):,} parameters.

```
{command}
```

{markdown_table(sides)}

The side of a face's frame in the data set is {table["frame"].median():.2f} times the side of the detected box \
(median; half of them {table["frame"].quantile(0.25):.2f} to {table["frame"].quantile(0.75):.2f}). Accuracy on the \
detected faces, by the side of the crop in sides of the box (`--margin` of fer.predict, {MARGIN:g} by default):

{markdown_table(margins)}
"""
    make_folder(folder)
    (folder / "README.md").write_text(text, encoding="utf-8")
    sides.to_csv(folder / "sides.csv", index=False)
    margins.to_csv(folder / "margins.csv", index=False)
    print(text)
    print(f"wrote {folder}/: README.md, sides.csv, margins.csv")
    print("next: python -m fer.predict PICTURE --checkpoint CHECKPOINT --probe    (explains one picture)")


if __name__ == "__main__":
    with one_line_errors():
        main()
