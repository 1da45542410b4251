"""Reads names, shapes, metadata and external weights of an ONNX file without onnxruntime.

An ONNX file is a protobuf message (onnx.proto of the ONNX project). Only its outline is read; weights are skipped.
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
"""Message -> field -> the message in it, of those in which a graph or a tensor can lie."""
INPUT, OUTPUT = 11, 12
TENSOR_NAME, EXTERNAL_DATA, DATA_LOCATION = 8, 13, 14
DEEPEST = 50
"""Graphs in graphs; onnxruntime itself reads no file of more than 100 nested messages."""
MOST_FIELDS = 2_000_000


class Value(NamedTuple):
    """An input or output of the graph. kind: TensorProto.DataType, 0 if unknown; sizes: -1 where any is taken."""

    name: str
    kind: int
    sizes: tuple[int, ...]


@dataclass
class Content:
    """The outline of a file. external: names of tensors whose values lie in other files."""

    metadata: dict[str, str] = field(default_factory=dict)
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)
    external: list[str] = field(default_factory=list)


def content_of(data: bytes) -> Content:
    """The outline of an ONNX file's bytes. Raises ValueError for what is none."""
    content, fields = Content(), 0
    waiting: list[tuple[str, memoryview, int]] = [("ModelProto", memoryview(data), 0)]
    while waiting:
        message, part, depth = waiting.pop()
        if depth > DEEPEST:
            raise ValueError(f"graphs are nested more than {DEEPEST} deep")
        note(content, message, part)
        for number, value in fields_of(part):
            fields += 1
            if fields > MOST_FIELDS:
                raise ValueError(f"more than {MOST_FIELDS:,} parts")
            child = CHILDREN[message].get(number)
            if child and isinstance(value, memoryview):
                if child == "ValueInfoProto" and depth == 1:
                    (content.inputs if number == INPUT else content.outputs).append(value_of(value))
                waiting.append((child, value, depth + 1))
    return content


def note(content: Content, message: str, part: memoryview) -> None:
    """Adds what a message itself says."""
    if message == "StringStringEntryProto":
        key, value = text_of(part, 1), text_of(part, 2)
        content.metadata[key] = value
    elif message == "TensorProto":
        known = dict(fields_of(part))
        if EXTERNAL_DATA in known or known.get(DATA_LOCATION):
            content.external.append(text_of(part, TENSOR_NAME))


def value_of(part: memoryview) -> Value:
    """Of a ValueInfoProto."""
    tensor = last(last(part, 2), 1)
    kinds = [value for number, value in fields_of(tensor) if number == 1 and isinstance(value, int)]
    sizes = [size for number, size in fields_of(last(tensor, 2)) if number == 1]
    return Value(text_of(part, 1), kinds[-1] if kinds else 0, tuple(map(size_of, sizes)))


def size_of(part: int | memoryview) -> int:
    """Of a dimension; -1 where any size is taken."""
    known = dict(fields_of(part)) if isinstance(part, memoryview) else {}
    size = known.get(1, -1)
    return size if isinstance(size, int) else -1


def text_of(part: memoryview, number: int) -> str:
    """The text in a field; "" without."""
    return bytes(last(part, number)).decode("utf-8", "replace")


def last(part: memoryview, number: int) -> memoryview:
    """The last message or text in a field, which is the one that counts; an empty one without."""
    found = [value for key, value in fields_of(part) if key == number and isinstance(value, memoryview)]
    return found[-1] if found else memoryview(b"")


def fields_of(part: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of a message's fields: numbers as int, all else as bytes. Raises ValueError where it is cut."""
    place = 0
    while place < len(part):
        key, place = varint(part, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = varint(part, place)
        else:
            size, place = varint(part, place) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), place)
            if size < 0 or place + size > len(part):
                raise ValueError("the file is damaged or of another kind")
            value, place = part[place : place + size], place + size
        yield number, value


def varint(part: memoryview, place: int) -> tuple[int, int]:
    """The number that begins at `place`, and the place after it."""
    value = shift = 0
    while place < len(part) and shift < 70:
        byte = part[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
    raise ValueError("the file is damaged or of another kind")
