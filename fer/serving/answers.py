"""Builds the JSON answers, as `fer.predict --json` writes them."""

import base64
import io
from typing import Any

from PIL import Image

from fer.prediction.outputs import result_json
from fer.prediction.predictor import Face
from fer.prediction.stream import Result


def answer(result: Result, crops: bool = False) -> dict[str, Any]:
    """Returns a result as JSON; `crops` adds the network's 48×48 `input` of each face as a data: URL."""
    picture = result_json(result)
    if crops:
        for entry, face in zip(picture["faces"], result.faces, strict=True):
            entry["input"] = crop_url(face)
    return picture


def crop_url(face: Face) -> str:
    """Returns the network's input for a face as a PNG in a data: URL."""
    file = io.BytesIO()
    Image.fromarray(face.pixels).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
