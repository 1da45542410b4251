"""Extracts pictures from JSON, and recognises the names that clients give to pictures."""

import json
from typing import Any

from fer.prediction.pictures import Source
from fer.serving.coding import MAX_QUOTE, decode_base64
from fer.serving.refusal import RequestError

FIELDS = tuple(
    f"{name}{plural}" for name in ("image", "img", "file", "photo", "picture", "frame") for plural in ("", "s")
)
"""Keys of JSON, and text fields of forms, whose values are pictures in base64."""
JSON_FIELDS = (*FIELDS, "data", "base64", "b64", "input", "inputs", "instances")
"""Further keys of JSON; forms use these for other texts."""
ENDINGS = ("base64", "b64", "data", "bytes")
"""What such keys may end with: imageBase64, img_b64."""
EXPECTED = 'expected {"image": base64} or {"images": [base64, …]}'


def is_picture_field(name: str, fields: tuple[str, ...] = FIELDS) -> bool:
    plain = name.removesuffix("[]").lower().replace("_", "").replace("-", "")
    return plain in fields or any(plain.endswith(end) and plain.removesuffix(end) in fields for end in ENDINGS)


def pictures_from_json(body: bytes) -> list[Source]:
    """Parses {"image": base64}, {"images": [base64, …]}, other keys, or a list; data: URLs are accepted, too.

    Keys of other names are left out where one names pictures. Raises RequestError.
    """
    try:
        return from_base64(values_in(json.loads(body)))
    except UnicodeDecodeError as error:
        reason = "it is binary; send a picture as image/* or application/octet-stream"
        raise RequestError(400, f"not JSON: {reason}") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"not JSON: {str(error)[:MAX_QUOTE]}") from error


def values_in(content: Any) -> list[Any]:
    """Returns the values that are pictures, in the order of JSON. Raises RequestError for an object without any."""
    if isinstance(content, list):
        return [value for item in content for value in values_in(item)]
    if not isinstance(content, dict):
        return [content]
    values = [value for name, value in content.items() if is_picture_field(name, JSON_FIELDS)]
    if not values:
        raise RequestError(400, f"{EXPECTED}, and the keys are: {', '.join(content)[:MAX_QUOTE] or 'none'}")
    return values_in(values)


def from_base64(images: list[Any]) -> list[Source]:
    """Decodes pictures and numbers them. Raises RequestError, which names the picture."""
    names = [f"picture {number}" for number in range(1, len(images) + 1)]
    return [Source(name, decode_base64(name, image), name) for name, image in zip(names, images, strict=True)]
