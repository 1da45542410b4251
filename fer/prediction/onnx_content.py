"""Reads metadata, inputs, outputs and names of external weights of an untrusted ONNX file.

An ONNX file is a protobuf message (onnx.proto of the ONNX project). It is parsed here because the `onnx` package is not
installed with the server and would load all weights, and because a hostile file must be refused before onnxruntime
opens it, which would read the external files that it names. Weights are skipped, and depth and number of fields are
limited.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

CHILDREN = {
    "ModelProto": {7: "GraphProto", 14: "StringStringEntryProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {
        1: "NodeProto",
        5: "TensorProto",
        11: "ValueInfoProto",
        12: "ValueInfoProto",
        15: "SparseTensorProto",
    },
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
    "StringStringEntryProto": {},
    "ValueInfoProto": {},
}
"""Message -> field number -> message type, for all messages that can contain a graph or a tensor."""
VARINT, LENGTH_DELIMITED, FIXED_SIZES = 0, 2, {1: 8, 5: 4}
"""Wire types of protobuf, and bytes of those with a fixed size."""
INPUT, OUTPUT = 11, 12
TENSOR_NAME, EXTERNAL_DATA, DATA_LOCATION = 8, 13, 14
MAX_DEPTH = 50
"""Most nested messages; onnxruntime itself allows 100."""
MAX_FIELDS = 2_000_000


class Value(NamedTuple):
    """An input or output of the graph. kind: TensorProto.DataType, 0 if unknown; sizes: -1 for a dynamic dimension."""

    name: str
    kind: int
    sizes: tuple[int, ...]


@dataclass
class Content:
    """The parsed content of a file. external: names of tensors whose values are in other files."""

    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    external: list[str] = field(default_factory=list)


def content_of(data: bytes) -> Content:
    """Parses an ONNX file. Raises ValueError for a damaged file, and one with too many or too deeply nested fields."""
    content, fields = Content(), 0
    waiting: list[tuple[str, memoryview, int]] = [("ModelProto", memoryview(data), 0)]
    while waiting:
        message, part, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise ValueError(f"graphs are nested more than {MAX_DEPTH} deep")
        add_message(content, message, part)
        for number, value in fields_of(part):
            fields += 1
            if fields > MAX_FIELDS:
                raise ValueError(f"more than {MAX_FIELDS:,} parts")
            child = CHILDREN[message].get(number)
            if child and isinstance(value, memoryview):
                if child == "ValueInfoProto" and depth == 1:
                    (content.inputs if number == INPUT else content.outputs).append(value_of(value))
                waiting.append((child, value, depth + 1))
    return content


def add_message(content: Content, message: str, part: memoryview) -> None:
    """Adds a metadata entry, or the name of a tensor with external data, to `content`."""
    if message == "StringStringEntryProto":
        key, value = text_of(part, 1), text_of(part, 2)
        content.metadata[key] = value
    elif message == "TensorProto":
        fields = dict(fields_of(part))
        if EXTERNAL_DATA in fields or fields.get(DATA_LOCATION):
            content.external.append(text_of(part, TENSOR_NAME))


def value_of(part: memoryview) -> Value:
    """Parses a ValueInfoProto."""
    tensor = last_message(last_message(part, 2), 1)
    kinds = [value for number, value in fields_of(tensor) if number == 1 and isinstance(value, int)]
    sizes = [size for number, size in fields_of(last_message(tensor, 2)) if number == 1]
    return Value(text_of(part, 1), kinds[-1] if kinds else 0, tuple(map(size_of, sizes)))


def size_of(part: int | memoryview) -> int:
    """Parses a dimension; -1 if it is dynamic."""
    fields = dict(fields_of(part)) if isinstance(part, memoryview) else {}
    size = fields.get(1, -1)
    return size if isinstance(size, int) else -1


def text_of(part: memoryview, number: int) -> str:
    """Returns the string in a field, "" without one."""
    return bytes(last_message(part, number)).decode("utf-8", "replace")


def last_message(part: memoryview, number: int) -> memoryview:
    """Returns the last message or string in a field, as protobuf does for repeated values; empty without one."""
    values = [value for key, value in fields_of(part) if key == number and isinstance(value, memoryview)]
    return values[-1] if values else memoryview(b"")


def fields_of(part: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields (field number, value) of a message: int for varints, else bytes. Raises ValueError if it is truncated."""
    place = 0
    while place < len(part):
        key, place = varint(part, place)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, place = varint(part, place)
            yield number, value
            continue
        if kind == LENGTH_DELIMITED:
            size, place = varint(part, place)
        else:
            size = FIXED_SIZES.get(kind, -1)
        if size < 0 or place + size > len(part):
            raise ValueError("the file is damaged or of another kind")
        yield number, part[place : place + size]
        place += size


def varint(part: memoryview, place: int) -> tuple[int, int]:
    """Decodes the varint at `place`; returns it and the place after it."""
    value = shift = 0
    while place < len(part) and shift < 70:
        byte = part[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("the file is damaged or of another kind")
