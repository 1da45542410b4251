"""Builds the JSON answers, as `fer.predict --json` writes them."""

import base64
import io
from typing import Any

from PIL import Image

from fer.prediction.outputs import plain
from fer.prediction.predictor import Face
from fer.prediction.stream import Result


def answer(result: Result, crops: bool = False) -> dict[str, Any]:
    """As JSON. With `crops` each face has `input`, the 48×48 pixels of the network as a data: URL."""
    known = plain(result)
    if crops:
        known["faces"] = [one | {"input": crop(face)} for one, face in zip(known["faces"], result.faces, strict=True)]
    return known


def crop(face: Face) -> str:
    file = io.BytesIO()
    Image.fromarray(face.pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
