"""Measures how long large photos take whole and at the scales that their faces need, side by side.

    python experiments/faces_in_scenes/photos.py fer/weights/pocket.pt --data ~/data/fer2013.csv

Draws photos of 12 megapixels on smooth clouds with noise, each with four faces of the validation split, stored as JPEG:
some with faces of 400 to 1,200 pixels, some with faces of 120 to 300, which need the whole picture. Each is recognised
both ways in turn: decoded whole, as before, and with `detect_file`, as fer.predict does. Time is that of the processor,
over all threads, so that other work on the machine counts less. Prints a table with speed, agreement of the boxes and
accuracy, and writes it as photos.csv to --out.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from fer.arguments import whole
from fer.errors import one_line_errors
from fer.evaluation.loading import load_classifier
from fer.pictures import decode
from fer.prediction import detect
from fer.prediction.network import accelerate, checkpoint_at, load
from fer.prediction.outputs import make_folder
from fer.prediction.predictor import Detection, Predictor
from fer.report import markdown_table

WIDTH, HEIGHT = 4032, 3024
LARGE = ((100, 200, 1200), (1400, 300, 800), (2300, 300, 600), (3000, 300, 400))
SMALL = ((300, 200, 300), (1200, 300, 240), (2100, 300, 160), (3200, 300, 120))
"""left, top and side of the faces in pixels."""
Places = tuple[tuple[int, int, int], ...]
SEED = 0
SAME = 0.02
"""Sides of two boxes of the same face differ by at most this share."""
WHOLE, REDUCED = "whole", "reduced"


def photo(faces: np.ndarray, places: Places, rng: np.random.Generator) -> bytes:
    """Returns a JPEG with (4, 48, 48) uint8 faces at their places."""
    clouds = Image.fromarray(rng.integers(40, 215, (24, 32), dtype=np.uint8)).resize((WIDTH, HEIGHT), Image.BICUBIC)
    noise = rng.integers(0, 9, (HEIGHT, WIDTH), dtype=np.uint8)
    picture = Image.fromarray((np.asarray(clouds) // 2 + 40 + noise).astype(np.uint8))
    for face, (left, top, side) in zip(faces, places, strict=True):
        picture.paste(Image.fromarray(face).resize((side, side), Image.BICUBIC), (left, top))
    content = io.BytesIO()
    picture.convert("RGB").save(content, "JPEG", quality=90)
    return content.getvalue()


def measure(predictor: Predictor, photos: list[bytes], places: Places, labels: np.ndarray) -> pd.DataFrame:
    """Returns a row for each way: photos per second of a core, faces found, boxes that agree, accuracy on those found.

    labels: (photos, 4) classes of the faces.
    """
    ways: dict[str, Callable[[bytes], Detection]] = {
        WHOLE: lambda content: predictor.detect(decode(content, "photo")),
        REDUCED: lambda content: predictor.detect_file(content, "photo"),
    }
    seconds, found = dict.fromkeys(ways, 0.0), {way: [] for way in ways}
    for way in (*ways, *ways):  # the first photo of each way warms up caches
        ways[way](photos[0])
    for number, content in enumerate(photos):
        for way in list(ways)[:: 1 if number % 2 else -1]:
            started = time.process_time()
            detection = ways[way](content)
            predictor.recognise([detection])
            seconds[way] += time.process_time() - started
            found[way].append(detection)
    rows = []
    for way in ways:
        hits = [
            (number, place, at)
            for number, detection in enumerate(found[way])
            for place, at in matched(detection.boxes, places).items()
        ]
        faces = np.stack([found[way][number].faces[at] for number, _, at in hits])
        right = predictor.probabilities(faces).argmax(1) == [labels[number, place] for number, place, _ in hits]
        rows.append(
            {
                "decoded": way,
                "photos/s": round(len(photos) / seconds[way], 2),
                "faces found": len(hits),
                "other boxes": sum(len(detection.boxes) for detection in found[way]) - len(hits),
                "boxes as of the whole, %": round(100 * agreement(found[WHOLE], found[way], places), 1),
                "accuracy, %": round(100 * float(right.mean()), 1),
            }
        )
    return pd.DataFrame(rows)


def matched(boxes: list[detect.Box], places: Places) -> dict[int, int]:
    """Returns number of a pasted face -> index of its box."""
    return {
        place: at
        for place, (left, top, side) in enumerate(places)
        for at, box in enumerate(boxes)
        if max(abs(box[0] + box[2] / 2 - left - side / 2), abs(box[1] + box[3] / 2 - top - side / 2)) < side / 4
    }


def agreement(whole_ones: list[Detection], others: list[Detection], places: Places) -> float:
    """Returns the share of the faces found both ways whose boxes have the same side within SAME."""
    same = []
    for first, second in zip(whole_ones, others, strict=True):
        one, other = matched(first.boxes, places), matched(second.boxes, places)
        for place in one.keys() & other.keys():
            sides = first.boxes[one[place]][2], second.boxes[other[place]][2]
            same.append(abs(sides[1] - sides[0]) <= SAME * sides[0])
    return float(np.mean(same)) if same else np.nan


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a run's folder or a .ckpt")
    parser.add_argument("--data", metavar="PATH", action="append", help="the faces (default: those of the training)")
    parser.add_argument("--detector", choices=detect.NAMES[:-1], default="haar")
    parser.add_argument("--photos", type=whole, default=12)
    parser.add_argument("--out", type=Path, default=Path("experiments/faces_in_scenes"))
    args = parser.parse_args(arguments)
    path = checkpoint_at(args.checkpoint)
    split, rng = load_classifier(path, args.data).split("val"), np.random.default_rng(SEED)
    rows = rng.permutation(len(split))[: 4 * args.photos]
    faces = split.images[:, 0].numpy()[rows].reshape(-1, 4, 48, 48)
    labels = split.labels.numpy()[rows].reshape(-1, 4)
    predictor = Predictor(accelerate(load(path)), detect.named(args.detector))
    tables = []
    for name, places in (("400 to 1,200", LARGE), ("120 to 300", SMALL)):
        photos = [photo(group, places, rng) for group in faces]
        tables.append(
            measure(predictor, photos, places, labels).assign(detector=args.detector, **{"faces, pixels": name})
        )
    table = pd.concat(tables)[["detector", "faces, pixels", *tables[0].columns[:-2]]]
    print(markdown_table(table))
    table.to_csv(make_folder(args.out) / "photos.csv", index=False)
    print(f"wrote {args.out}/photos.csv")
    print("next: python -m fer.predict PHOTO")


if __name__ == "__main__":
    with one_line_errors():
        main()
