"""Measures detection and recognition on larger pictures: faces pasted into drawn scenes.

    python -m fer.prediction.scenes runs/train/defaults/seed-0 --data ~/data/fer2013.csv

Each scene is 640×480 pixels of drifting grey with grain and holds one face of the validation split, enlarged to a side
of 48 to 240 pixels. A face counts as found if a box of 0.5 to 1.6 times its side lies within a quarter of its side of
its middle; any other box is false. Frames are those of the data set: tight, with a hard edge where a photograph goes
on, which is harder for the detector than photographs are. Prints tables and writes them as README.md and CSVs into
--out (default experiments/faces_in_scenes); no pixel of the data is kept.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from fer.errors import UserError, one_line_errors
from fer.prediction.detect import MARGIN, Box, Haar, square
from fer.prediction.predictor import Predictor
from fer.preprocess import to_face

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEIGHT = 640, 480
SIDES = (48, 72, 120, 240)  # bounds of the groups of the first table
MARGINS = (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3, 1.4)
SEED = 0


def scene(face: np.ndarray, side: int, rng: np.random.Generator) -> tuple[Image.Image, Box]:
    """A (48, 48) uint8 face, `side` pixels large, somewhere in a drawn scene; and where."""
    coarse = Image.fromarray(rng.uniform(40, 215, (HEIGHT // 40, WIDTH // 40)).astype(np.float32))
    clouds = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    grey = (clouds + rng.normal(0, 4, clouds.shape)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(grey)
    left, top = int(rng.integers(0, WIDTH - side)), int(rng.integers(0, HEIGHT - side))
    picture.paste(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), (left, top))
    return picture, (left, top, side, side)


def found(boxes: Sequence[Box], pasted: Box) -> list[bool]:
    """Which boxes are the pasted face's."""
    left, top, side, _ = pasted
    middle = left + side / 2, top + side / 2
    return [
        abs(x + w / 2 - middle[0]) < side / 4 and abs(y + h / 2 - middle[1]) < side / 4 and 0.5 < w / side < 1.6
        for x, y, w, h in boxes
    ]


def measure(predictor: Predictor, faces: np.ndarray, labels: np.ndarray) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """A row a face: side, found, false boxes, right as it is, right after detection; and accuracy by margin."""
    import pandas as pd
    from rich.progress import track

    rng, rows, crops, kept = np.random.default_rng(SEED), [], {margin: [] for margin in MARGINS}, []
    for face in track(faces, "scenes", transient=True, disable=not sys.stderr.isatty()):
        side = int(np.exp(rng.uniform(np.log(SIDES[0]), np.log(SIDES[-1]))))
        picture, pasted = scene(face, side, rng)
        boxes = predictor.look(picture).boxes
        hits = found(boxes, pasted)
        rows.append({"side": side, "found": any(hits), "false": len(hits) - sum(hits)})
        if any(hits):
            box = boxes[hits.index(True)]
            kept.append({"row": len(rows) - 1, "frame": side / box[2]})
            for margin, cut in crops.items():
                cut.append(to_face(picture.crop(square(box, margin, WIDTH, HEIGHT))))
    table, kept = pd.DataFrame(rows), pd.DataFrame(kept)
    if kept.empty:
        raise UserError("not one of the faces was found; is the detector the right one?")
    table["as it is"] = guesses(predictor, faces) == labels
    table["detected"] = False
    truth, shares = labels[kept["row"]], []
    for margin, cut in crops.items():
        right = guesses(predictor, np.stack(cut)) == truth
        shares.append({"margin": margin, "faces": len(right), "accuracy": right.mean()})
        if margin == MARGIN:
            table.loc[kept["row"], "detected"] = right
    table["frame"] = pd.Series(kept["frame"].to_numpy(), index=kept["row"])
    return table, pd.DataFrame(shares)


def guesses(predictor: Predictor, faces: np.ndarray) -> np.ndarray:
    return predictor.probabilities(faces).argmax(1)


def by_side(table: "pd.DataFrame") -> "pd.DataFrame":
    """Recall and accuracy in percent for groups of face sizes, and for all."""
    import pandas as pd

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
    parser.add_argument("--scenes", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    if args.scenes < 1:
        raise UserError(f"--scenes {args.scenes}: expected a positive integer")
    from fer.evaluation import pixels
    from fer.prediction.network import checkpoint_at
    from fer.prediction.torch_network import TorchNetwork

    path = checkpoint_at(args.checkpoint)
    source = pixels.of_checkpoint(path, args.data, None, None)
    split = source.split("val")
    rows = np.random.default_rng(SEED).permutation(len(split))[: args.scenes]
    faces, labels = split.images[:, 0].numpy()[rows], split.labels.numpy()[rows]
    predictor = Predictor(TorchNetwork(path), Haar())
    table, margins = measure(predictor, faces, labels)
    typed = shlex.join(["python", "-m", "fer.prediction.scenes", *(sys.argv[1:] if arguments is None else arguments)])
    write(args.out, table, margins, typed, source.datamodule.origin, predictor.network)


def write(folder: Path, table, margins, command: str, origin: str, network) -> None:
    """README.md and the two tables as CSV."""
    from fer.prediction.outputs import made
    from fer.report import markdown_table

    sides, margins = by_side(table), margins.assign(accuracy=(100 * margins["accuracy"]).round(1))
    margins = margins.rename(columns={"accuracy": "accuracy, %"})
    text = f"""# Faces in larger pictures

What detection costs: faces of the validation split of {origin}, pasted into drawn scenes of {WIDTH}×{HEIGHT} pixels,
found again by OpenCV's cascade, recognised by {type(network.classifier.model).__name__} of \
{sum(p.numel() for p in network.classifier.model.parameters()):,} parameters.

```
{command}
```

{markdown_table(sides)}

The side of a face's frame in the data set is {table["frame"].median():.2f} times the side of the box that is found \
(median; half of them {table["frame"].quantile(0.25):.2f} to {table["frame"].quantile(0.75):.2f}). Accuracy on the \
faces that were found, by the side of the crop in sides of the box (`--margin` of fer.predict, {MARGIN:g} by default):

{markdown_table(margins)}
"""
    made(folder)
    (folder / "README.md").write_text(text, encoding="utf-8")
    sides.to_csv(folder / "sides.csv", index=False)
    margins.to_csv(folder / "margins.csv", index=False)
    print(text)
    print(f"wrote {folder}/: README.md, sides.csv, margins.csv")
    print("next: python -m fer.predict PICTURE --checkpoint CHECKPOINT --probe    (one picture, looked at closely)")


if __name__ == "__main__":
    with one_line_errors():
        main()
