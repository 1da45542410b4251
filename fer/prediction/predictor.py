"""Finds and recognises the faces in pictures.

    predictor = Predictor(network.load(Path("best.onnx")), detect.Haar())
    [faces] = predictor([Image.open("photo.jpg")])
    print(faces[0].box, faces[0].label, faces[0].probabilities)

Command, webcam and server share it, so a picture gets the same answer everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer.pictures import MAX_PIXELS, decode
from fer.prediction.card import default_threshold
from fer.prediction.detect import ABOUT, MAX_CROPPED, Box, Detector, Framing, Region, locations, name_of, square
from fer.prediction.network import Network
from fer.prediction.network import describe as describe_network
from fer.prediction.scales import Scales, file_scales
from fer.preprocess import SIZE, to_face, to_grey, upright

UNSURE = "unsure"
BATCH = 256


@dataclass(frozen=True)
class Detection:
    """The detected faces of a picture before recognition, the picture's size in pixels, and the detector's name."""

    width: int
    height: int
    boxes: list[Box]
    regions: list[Region]  # the square crop around each box
    faces: np.ndarray  # (n, 48, 48) uint8, the crops
    detector: str = "none"


@dataclass(frozen=True)
class Face:
    """A recognised face.

    label: the most probable class, or "unsure". number: 1 for the first face of the picture from the left, 2 for the
    second …; in a video the same face keeps its number, and `track` holds it too.
    """

    box: Box
    region: Region
    label: str
    probabilities: dict[str, float]
    pixels: np.ndarray  # (48, 48) uint8, the input of the network
    track: int | None = None
    number: int = 1

    @property
    def confidence(self) -> float:
        """The largest probability."""
        return max(self.probabilities.values())

    def likeliest(self, count: int = 2) -> str:
        """Returns the most probable classes in words: "sad 41 %, neutral 33 %"."""
        best = sorted(self.probabilities.items(), key=lambda pair: -pair[1])[:count]
        return ", ".join(f"{name} {100 * probability:.0f} %" for name, probability in best)


def describe(predictor: "Predictor") -> str:
    """Returns a line with the network's name, classes and calibration, and the detector."""
    name = name_of(predictor.detector)
    return f"{describe_network(predictor.network)}; detector {name} ({ABOUT[name]})"


class Predictor:
    """Detects and recognises faces.

    detector: None uses every picture whole. threshold: a face whose largest probability is below it is "unsure"; None
    is that of the network's card (see `fer.prediction.card`). margin: side of the crop in sides of the box; None is the
    detector's own.
    """

    def __init__(
        self,
        network: Network | None,
        detector: Detector | None = None,
        threshold: float | None = None,
        margin: float | None = None,
    ):
        self.network: Any = network
        self.detector = detector
        if threshold is None:
            threshold = default_threshold(network.name) if network else 0.0  # without one, it only finds faces
        self.threshold = threshold
        framing = getattr(detector, "framing", Framing())
        self.framing = framing if margin is None else framing._replace(margin=margin)

    def close(self) -> None:
        """Ends the network's child process, if it has one; waiting calls raise."""
        self.network.close()

    def __call__(self, pictures: Sequence[Image.Image]) -> list[list[Face]]:
        """Returns the faces of each picture from left to right; pictures of any mode and EXIF orientation."""
        return self.recognise([self.detect(picture) for picture in pictures])

    def detect(self, picture: Image.Image) -> Detection:
        """Detects and crops the faces of a picture; needs no network and is thread-safe."""
        return self._detect(Scales(to_grey(upright(picture))))

    def detect_file(self, content: bytes | Path, name: object, limit: int = MAX_PIXELS) -> Detection:
        """As `detect`, of a picture file, of which a large JPEG is decoded no larger than its faces need.

        Boxes are in pixels of the whole picture. Raises Unreadable and TooLarge, see `fer.pictures.decode`.
        """
        if self.detector is None:
            return self.detect(decode(content, name, limit))
        return self._detect(file_scales(content, name, limit))

    def _detect(self, scales: Scales) -> Detection:
        size, grey = scales.size, scales.grey
        if self.detector is None or max(size) <= MAX_CROPPED:
            return Detection(*size, [(0, 0, *size)], [(0, 0, *size)], np.stack([to_face(grey)]))
        found = [scales.enlarged(location) for location in locations(self.detector, np.asarray(grey))]
        boxes, tilts = [location.box for location in found], [location.tilt for location in found]
        regions = [square(box, self.framing, *size, tilt) for box, tilt in zip(boxes, tilts, strict=True)]
        faces = scales.faces(regions, tilts)
        pixels = np.stack(faces) if faces else np.empty((0, SIZE, SIZE), np.uint8)
        return Detection(*size, boxes, regions, pixels, name_of(self.detector))

    def recognise(self, detections: Sequence[Detection]) -> list[list[Face]]:
        """Returns the faces of each detection, recognised in common batches."""
        crops = [detection.faces for detection in detections if len(detection.faces)]
        rows = iter(self.probabilities(np.concatenate(crops))) if crops else iter(())
        return [self._faces(detection, islice(rows, len(detection.faces))) for detection in detections]

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        parts = [self.network.probabilities(faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
        return np.concatenate(parts)

    def label(self, row: np.ndarray) -> str:
        """Returns the class of the largest of (C,) probabilities, or "unsure"."""
        return self.network.classes[int(row.argmax())] if row.max() >= self.threshold else UNSURE

    def _faces(self, detection: Detection, rows) -> list[Face]:
        faces = []
        parts = zip(detection.boxes, detection.regions, detection.faces, rows, strict=True)
        for number, (box, region, pixels, row) in enumerate(parts, 1):
            probabilities = dict(zip(self.network.classes, row.tolist(), strict=True))
            faces.append(Face(box, region, self.label(row), probabilities, pixels, number=number))
        return faces
