"""OpenAPI models of the answers in answers.py; used for documentation only."""

from typing import Any

from pydantic import BaseModel, Field

from fer.serving.settings import Limits


class Face(BaseModel):
    face: int = Field(description="number of the face, from 1 from left to right; a camera's faces keep theirs")
    box: list[int] = Field(description="left, top, width, height in pixels of the upright picture")
    label: str = Field(description='the most probable class, or "unsure"')
    probabilities: dict[str, float] = Field(description="one for each class; they sum to 1")
    input: str | None = Field(
        None, description="with crops=true: the 48×48 input of the network, as a data: URL of a PNG"
    )


class Picture(BaseModel):
    picture: str = Field(description="name of the file")
    width: int | None = None
    height: int | None = None
    faces: list[Face] = Field(description="from left to right; empty if none was detected")
    error: str | None = Field(None, description="why the picture cannot be read")


class Answer(BaseModel):
    pictures: list[Picture] = Field(description="in the order they were sent")
    milliseconds: float = Field(description="from the complete upload to the answer, on the server")


class Model(BaseModel):
    name: str
    classes: list[str]
    colors: dict[str, str] = Field(description='of each class, as "#rrggbb", on the page and on annotated pictures')
    temperature: float | None = Field(description="of the calibration on validation data; null without calibration")
    threshold: float = Field(description='below it the label is "unsure"')
    detects: bool = Field(description="false if every picture is used whole, as a face")
    limits: dict[str, float] = Field(description="requests beyond these limits are refused")


class Refusal(BaseModel):
    error: str


def predict_body(limits: Limits) -> dict[str, Any]:
    """Returns the OpenAPI schema of the body of /v1/predict."""
    file, text = {"type": "string", "format": "binary"}, {"type": "string", "format": "byte"}
    form = {"type": "object", "properties": {"file": {"type": "array", "items": file, "maxItems": limits.pictures}}}
    images = {"type": "array", "items": text, "maxItems": limits.pictures}
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": {"type": "object", "properties": {"image": text, "images": images}}},
        "image/*": {"schema": file},
    }
    return {"requestBody": {"required": True, "content": content}}


REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": Refusal, "description": "the request cannot be parsed"},
    401: {"model": Refusal, "description": "the token is missing or wrong"},
    408: {"model": Refusal, "description": "the upload took too long"},
    413: {"model": Refusal, "description": "too large, or too many pictures"},
    415: {"model": Refusal, "description": "the content type is not supported"},
    422: {"model": Refusal, "description": "no picture could be read"},
    503: {"model": Refusal, "description": "busy; try again"},
}
