"""Measures face detection, and recognition after it, on faces pasted into drawn scenes.

    python experiments/faces_in_scenes/measure.py runs/train/defaults/seed-0 --data ~/data/fer2013.csv

Each scene is 640×480 pixels of smooth grey clouds with noise. It holds one face of the validation split, enlarged to a
side of 48 to 240 pixels: as it is, tilted, turned aside (its far half narrowed), or partly covered. A detected box is a
hit if its side is 0.5 to 1.6 times the face's and its centre lies within a quarter of that side from the face's centre;
any other box is a false positive. The pasted faces are cropped tightly and have a hard edge, so they are harder to
detect than faces in photographs. All detectors see the same scenes, one after another. Prints tables and writes them as
README.md and CSV files to --out (default experiments/faces_in_scenes). No pixel of the data is stored.
"""

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from rich.progress import track

from fer.arguments import place, whole
from fer.errors import UserError, one_line_errors
from fer.evaluation.loading import load_classifier
from fer.prediction import detect
from fer.prediction.detect import Box, Framing, Location, locations, name_of, square
from fer.prediction.network import checkpoint_at
from fer.prediction.outputs import make_folder
from fer.prediction.predictor import Predictor
from fer.prediction.torch_network import TorchNetwork
from fer.prediction.upright import MIN_TILT, crop_face
from fer.report import markdown_table

WIDTH, HEIGHT = 640, 480
SIDES = (48, 72, 120, 240)  # bounds of the size groups
MARGINS = (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3)
SEED = 0
SPEED = (
    (
        "The search of the cascade",
        "cascade.py",
        "haar and haar-fast on faces of 24 to 240 pixels in drawn scenes, and on pictures of scikit-image without a "
        "face, whole and in quarters. Lost and gained: faces that only haar, or only the other, finds. ms: processor "
        "time of one thread.",
    ),
    (
        "Large photos",
        "photos.py CHECKPOINT",
        "Photos of 12 megapixels, decoded whole and at the scales that detection and faces need, in turn: processor "
        "time of one core, from the file to the answers.",
    ),
    (
        "Cropped faces",
        "faces_per_second.py NETWORK",
        "Faces of PublicTest, all ways in turn: processor time of one core. Layers as trained: without folding "
        "normalisation into the convolutions. Both views are used except where the table names one: leaving the second "
        "out loses one to two points. On an AMD EPYC with AVX512-BF16; a core of it computes 100 GFLOP/s in float32, "
        "218 in bfloat16 and 435 in int8 (products of 1024×1024 matrices); the two views of a face take pocket "
        "0.36 GFLOP.",
    ),
)
AS_IT_IS = "as it is"


def tilted(degrees: float) -> Callable[[Image.Image], Image.Image]:
    """Turns a face clockwise; its corners, which leave the square, become transparent."""
    return lambda face: face.rotate(-degrees, Image.Resampling.BICUBIC)


def turned_aside(face: Image.Image) -> Image.Image:
    """Narrows the right half of a face to a third of its width, as in a half profile."""
    width, height = face.size
    near, far = face.crop((0, 0, width // 2, height)), face.crop((width // 2, 0, width, height))
    narrow, empty = width // 6, Image.new("LA", face.size)
    empty.paste(near, (narrow, 0))
    empty.paste(far.resize((narrow, height)), (narrow + width // 2, 0))
    return empty


def covered(top: float, bottom: float) -> Callable[[Image.Image], Image.Image]:
    """Covers a strip of a face with dark grey; top and bottom: in heights of the face."""

    def cover(face: Image.Image) -> Image.Image:
        face = face.copy()
        strip = (0, round(top * face.height), face.width, round(bottom * face.height))
        ImageDraw.Draw(face).rectangle(strip, fill=(60, 255))
        return face

    return cover


POSES: dict[str, Callable[[Image.Image], Image.Image]] = {
    AS_IT_IS: lambda face: face,
    "tilted by 15°": tilted(15),
    "tilted by 30°": tilted(30),
    "tilted by 45°": tilted(45),
    "turned aside": turned_aside,
    "mouth covered": covered(0.62, 1.0),
    "eyes covered": covered(0.28, 0.48),
}


def scene(face: np.ndarray, side: int, rng: np.random.Generator, pose: str = AS_IT_IS) -> tuple[Image.Image, Box]:
    """Returns a scene with a (48, 48) uint8 face enlarged to `side` pixels, and the face's box."""
    coarse = Image.fromarray(rng.uniform(40, 215, (HEIGHT // 40, WIDTH // 40)).astype(np.float32))
    clouds = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    grey = (clouds + rng.normal(0, 4, clouds.shape)).clip(0, 255).astype(np.uint8)
    picture = Image.fromarray(grey)
    left, top = int(rng.integers(0, WIDTH - side)), int(rng.integers(0, HEIGHT - side))
    large = Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC).convert("LA")
    posed = POSES[pose](large)
    picture.paste(posed.getchannel("L"), (left, top), posed.getchannel("A"))
    return picture, (left, top, side, side)


def is_hit(box: Box, face: Box) -> bool:
    """Whether a detected box is that of the pasted face."""
    left, top, width, height = box
    face_left, face_top, side, _ = face
    dx = abs(left + width / 2 - (face_left + side / 2))
    dy = abs(top + height / 2 - (face_top + side / 2))
    return max(dx, dy) < side / 4 and 0.5 < max(width, height) / side < 1.6


def framing_of(predictor: Predictor, margin: float) -> Framing:
    return predictor.framing._replace(margin=margin)


def measure(
    predictor: Predictor, faces: np.ndarray, labels: np.ndarray, pose: str = AS_IT_IS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns a table with a row for each face, and the accuracy for each crop margin, of other poses for one.

    The first has the columns side (pixels), found, false (number of false positives), ms (of one core), "as it is" and
    "detected" (whether the face is recognised before pasting and after detection), and, of those found, frame and drop:
    the side of the face, and how far its centre lies below that of the box, in longer sides of the box. faces:
    (N, 48, 48) uint8; labels: (N,) class indices.
    """
    rng, rows, hits = np.random.default_rng(SEED), [], []
    for row, face in enumerate(track(faces, "scenes", transient=True, disable=not sys.stderr.isatty())):
        side = int(np.exp(rng.uniform(np.log(SIDES[0]), np.log(SIDES[-1]))))
        picture, face_box = scene(face, side, rng, pose)
        started = time.process_time()
        found = locations(predictor.detector, np.asarray(picture))
        ms = 1000 * (time.process_time() - started)
        right = [location for location in found if is_hit(location.box, face_box)]
        rows.append({"side": side, "found": bool(right), "false": len(found) - len(right), "ms": ms})
        if right:
            hits.append((row, picture, face_box, right[0]))
    table = pd.DataFrame(rows)
    table["as it is"] = predicted_classes(predictor, faces) == labels
    table["detected"] = False
    accuracies, margins = [], MARGINS if pose == AS_IT_IS else (predictor.framing.margin,)
    for margin in margins if hits else ():
        crops = [crop(picture, location, framing_of(predictor, margin)) for _, picture, _, location in hits]
        correct = predicted_classes(predictor, np.stack(crops)) == labels[[row for row, *_ in hits]]
        accuracies.append({"margin": margin, "faces": len(correct), "accuracy": correct.mean()})
        if margin == predictor.framing.margin:
            table.loc[[row for row, *_ in hits], "detected"] = correct
    places = [place_in_box(location.box, face_box) for _, _, face_box, location in hits]
    table[["frame", "drop"]] = pd.DataFrame(places, columns=["frame", "drop"], index=[row for row, *_ in hits])
    return table, pd.DataFrame(accuracies, columns=["margin", "faces", "accuracy"])


def crop(picture: Image.Image, location: Location, framing: Framing) -> np.ndarray:
    """Returns the (48, 48) crop that the predictor would make."""
    return crop_face(picture, square(location.box, framing, WIDTH, HEIGHT, location.tilt), location.tilt)


def place_in_box(box: Box, face: Box) -> tuple[float, float]:
    """Returns side of the face, and how far its centre lies below that of the box, in longer sides of the box."""
    longer = max(box[2:])
    return face[3] / longer, (face[1] + face[3] / 2 - box[1] - box[3] / 2) / longer


def predicted_classes(predictor: Predictor, faces: np.ndarray) -> np.ndarray:
    """(N, 48, 48) uint8 -> (N,) class indices."""
    return predictor.probabilities(faces).argmax(1)


def groups_of(table: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Returns the rows of each group of face sizes, and all."""
    sides = [(f"{low}–{high - 1}", table[table["side"].between(low, high - 1)]) for low, high in pairwise(SIDES)]
    return [*sides, ("all", table)]


def by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Returns recall and accuracy in percent for each group of face sizes, and for all faces."""
    return pd.DataFrame([{"side, pixels": name, **figures(part)} for name, part in groups_of(table)])


def figures(part: pd.DataFrame) -> dict[str, float]:
    hits = part[part["found"]]
    return {
        "faces": len(part),
        "found, %": percent(part["found"]),
        "false boxes": int(part["false"].sum()),
        "ms": round(part["ms"].median(), 1),
        "accuracy as they are, %": percent(part["as it is"]),
        "of those found, as they are, %": percent(hits["as it is"]),
        "of those found, detected, %": percent(hits["detected"]),
    }


def percent(values: pd.Series) -> float:
    return round(100 * values.mean(), 1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a run's folder or a .ckpt")
    parser.add_argument("--data", metavar="PATH", action="append", help="the faces (default: those of the training)")
    parser.add_argument("--detector", choices=detect.NAMES[:-1], action="append", help="(default: all but haar-fast)")
    parser.add_argument("--yunet", type=place("--yunet"), metavar="MODEL", help="the file of --detector yunet")
    parser.add_argument("--scenes", type=whole, default=700, help="with upright faces; a third as many of other poses")
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    path = checkpoint_at(args.checkpoint)
    source = load_classifier(path, args.data)
    split = source.split("val")
    rows = np.random.default_rng(SEED).permutation(len(split))[: args.scenes]
    faces, labels = split.images[:, 0].numpy()[rows], split.labels.numpy()[rows]
    network = TorchNetwork(path)
    detectors = [detect.named(name, args.yunet) for name in args.detector or ("haar", "centerface", "yunet")]
    tables = [measured(Predictor(network, detector), faces, labels) for detector in detectors]
    options = sys.argv[1:] if arguments is None else arguments
    shown = ["PATH" if word in (args.data or ()) else word for word in options]
    command = shlex.join(["python", "experiments/faces_in_scenes/measure.py", *shown])
    write(args.out, tables, command, source.datamodule.origin, network)


def measured(predictor: Predictor, faces: np.ndarray, labels: np.ndarray) -> tuple[pd.DataFrame, ...]:
    """Returns the tables of a detector: by side, by pose, by margin, and its framing."""
    name, sides, poses, margins, framing = name_of(predictor.detector), [], [], [], []
    for pose in POSES:
        count = len(faces) if pose == AS_IT_IS else max(1, len(faces) // 3)
        table, accuracies = measure(predictor, faces[:count], labels[:count], pose)
        if pose == AS_IT_IS:
            if not table["found"].any():
                raise UserError(f"{name} found not one of the faces; is the detector the right one?")
            sides = by_side(table).assign(detector=name)
            margins = accuracies.assign(detector=name, accuracy=(100 * accuracies["accuracy"]).round(1))
            places = table[["frame", "drop"]].quantile([0.25, 0.5, 0.75]).round(2)
            framing = pd.DataFrame([{"detector": name, **spread(places), **predictor.framing._asdict()}])
        poses.append({"detector": name, "face": pose, **figures(table)})
    return first(sides), pd.DataFrame(poses), first(margins).rename(columns={"accuracy": "accuracy, %"}), framing


def spread(places: pd.DataFrame) -> dict[str, str]:
    """Returns median and quartiles of the columns as text."""
    return {f"{name} of the box": f"{low:g} {middle:g} {high:g}" for name, (low, middle, high) in places.items()}


def first(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the table with the detector in the first column."""
    return table[["detector", *(name for name in table.columns if name != "detector")]]


def write(
    folder: Path, tables: Sequence[tuple[pd.DataFrame, ...]], command: str, origin: str, network: TorchNetwork
) -> None:
    """Writes README.md, sides.csv, poses.csv and margins.csv, and prints the README."""
    sides, poses, margins, framings = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    wide = margins.pivot(index="margin", columns="detector", values="accuracy, %").reset_index()
    model = network.classifier.model
    len_all, len_pose = int(poses["faces"].max()), int(poses["faces"].min())
    text = f"""# Faces in larger pictures

What detection costs: faces of the validation split of {origin}, pasted into drawn scenes of {WIDTH}×{HEIGHT} pixels,
found again by the detectors of fer.predict, recognised by {type(model).__name__} of \
{sum(p.numel() for p in model.parameters()):,} parameters.

```
{command}
```

ms: median processor time of detecting in one scene, of all threads, on a machine that did other things too. The 95 %
interval of a share of {len_all} faces is ±{100 / len_all**0.5:.0f} points at most, of {len_pose} faces
±{100 / len_pose**0.5:.0f}. Upright faces by size:

{markdown_table(sides)}

Faces in other poses. "Turned aside": the far half is narrowed to a third, as in a half profile. Detectors with
landmarks turn faces upright that are tilted by {MIN_TILT:g}° or more.

{markdown_table(poses)}

The side of a face's frame in the data set, and how far its centre lies below that of the box, in longer sides of the
box (quartiles), beside what the crops use:

{markdown_table(framings)}

Accuracy in percent on the faces that each detector found, by the side of the crop in longer sides of the box
(`--margin` of fer.predict):

{markdown_table(wide)}
{speed_sections(folder)}"""
    make_folder(folder)
    (folder / "README.md").write_text(text, encoding="utf-8")
    for name, table in (("sides", sides), ("poses", poses), ("margins", margins)):
        table.to_csv(folder / f"{name}.csv", index=False)
    print(text)
    print(f"wrote {folder}/: README.md, sides.csv, poses.csv, margins.csv")
    print("next: python -m fer.predict PICTURE --checkpoint CHECKPOINT --probe    (explains one picture)")


def speed_sections(folder: Path) -> str:
    """Returns the sections on large photos and on cropped faces, for those that were measured."""
    text = ""
    for title, script, about in SPEED:
        table = folder / f"{script.partition('.')[0]}.csv"
        if table.is_file():
            command = f"python experiments/faces_in_scenes/{script} --data PATH"
            text += f"\n## {title}\n\n{about}\n\n```\n{command}\n```\n\n{markdown_table(pd.read_csv(table))}\n"
    return text


if __name__ == "__main__":
    with one_line_errors():
        main()
