"""Predictor: pictures in, faces with boxes and probabilities out.

    predictor = Predictor(network.load(Path("best.onnx")), detect.Haar())
    [faces] = predictor([Image.open("photo.jpg")])
    print(faces[0].box, faces[0].label, faces[0].probabilities)

Command, webcam and server all go through it, so that one picture gets one answer everywhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from fer.prediction.detect import MARGIN, TINY, Box, Detector, Region, square
from fer.prediction.network import Network
from fer.preprocess import SIZE, to_face, to_grey, upright

UNSURE = "unsure"
BATCH = 256


@dataclass(frozen=True)
class Seen:
    """A picture before the network: its size, the faces found in it, and what is to be seen of each."""

    width: int
    height: int
    boxes: list[Box]
    regions: list[Region]  # the square around each box
    faces: np.ndarray  # (n, 48, 48) uint8


@dataclass(frozen=True)
class Face:
    """A face and what it shows. label: the most probable class, or "unsure"; track: which face of a video it is."""

    box: Box
    region: Region
    label: str
    probabilities: dict[str, float]
    pixels: np.ndarray  # (48, 48) uint8, as the network saw it
    track: int | None = None

    @property
    def confidence(self) -> float:
        """The largest probability."""
        return max(self.probabilities.values())


class Predictor:
    """detector: None takes every picture whole. threshold: a face whose largest probability is below it is "unsure".

    margin: side of the crop in sides of the box.
    """

    def __init__(
        self, network: Network, detector: Detector | None = None, threshold: float = 0.0, margin: float = MARGIN
    ):
        self.network, self.detector, self.threshold, self.margin = network, detector, threshold, margin

    def close(self) -> None:
        """Ends the network's own process, if it has one; calls that wait for it raise."""
        if hasattr(self.network, "close"):
            self.network.close()

    def __call__(self, pictures: Sequence[Image.Image]) -> list[list[Face]]:
        """The faces of each picture, the leftmost first; pictures of any mode, in any orientation of the camera."""
        return self.recognise([self.look(picture) for picture in pictures])

    def look(self, picture: Image.Image) -> Seen:
        """Finds and crops; needs no network and may run in several threads at once."""
        grey = to_grey(upright(picture))
        if self.detector is None or max(grey.size) <= TINY:
            return Seen(*grey.size, [(0, 0, *grey.size)], [(0, 0, *grey.size)], np.stack([to_face(grey)]))
        boxes = self.detector(np.asarray(grey))
        regions = [square(box, self.margin, *grey.size) for box in boxes]
        faces = [to_face(grey.crop(region)) for region in regions]
        return Seen(*grey.size, boxes, regions, np.stack(faces) if faces else np.empty((0, SIZE, SIZE), np.uint8))

    def recognise(self, seen: Sequence[Seen]) -> list[list[Face]]:
        """The faces of each, all through the network together."""
        everything = [one.faces for one in seen if len(one.faces)]
        rows = iter(self.probabilities(np.concatenate(everything))) if everything else iter(())
        return [self._faces(one, islice(rows, len(one.faces))) for one in seen]

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, 48, 48) uint8 -> (N, C) float32, rows sum to 1."""
        parts = [self.network.probabilities(faces[start : start + BATCH]) for start in range(0, len(faces), BATCH)]
        return np.concatenate(parts)

    def label(self, row: np.ndarray) -> str:
        """The name of the largest of (C,) probabilities, or "unsure"."""
        return self.network.classes[int(row.argmax())] if row.max() >= self.threshold else UNSURE

    def _faces(self, seen: Seen, rows) -> list[Face]:
        faces = []
        for box, region, pixels, row in zip(seen.boxes, seen.regions, seen.faces, rows, strict=True):
            named = dict(zip(self.network.classes, row.tolist(), strict=True))
            faces.append(Face(box, region, self.label(row), named, pixels))
        return faces
