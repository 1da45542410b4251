"""Runs a file written by `fer.export` as a `Network`, with onnxruntime and without torch.

The file is untrusted: it is parsed as data first (`onnx_content`) and refused before onnxruntime opens it if it is not
as fer.export writes it. Its graph runs in a child process (`onnx_isolated`), unless it is the network that ships with
fer, and its output is checked to be probabilities.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from fer import shipped
from fer.errors import UserError
from fer.prediction.network import Network
from fer.prediction.onnx_content import Content, Value, content_of
from fer.prediction.onnx_worker import INPUT, MAX_MESSAGE, OUTPUT, run, session_of
from fer.preprocess import SIZE

PRODUCER = "fer.export"
"""The producer in the metadata of the file."""
UINT8, FLOAT = 2, 1
"""Values of TensorProto.DataType."""
MAX_CLASSES = 1000
SUM_TOLERANCE = 1e-3
"""Largest difference between 1 and the sum of a face's probabilities."""
TRIAL_FACES = 2
"""Faces of the trial run of a file."""
RUN_SECONDS = 3.0
"""Target length of a run, far below the time limit; more faces are split into several runs."""
BATCH = 64
"""Faces in a run at most: more leave the processor's caches, and 256 take a fifth longer each."""
REMEDY = "export the network again with fer.export"


class Description(NamedTuple):
    """Metadata of a file. temperature: None if the probabilities were never calibrated."""

    classes: tuple[str, ...]
    temperature: float | None


class OnnxNetwork(Network):
    """A file of fer.export.

    Raises UserError if onnxruntime is missing, if fer.export did not write the file, or if its output is wrong.
    """

    def __init__(self, path: Path):
        data = read(path)
        self.name = str(path)
        try:
            content = content_of(data)
        except ValueError as error:
            raise UserError(f"{path}: not an ONNX file that onnxruntime can load ({error})") from error
        self.classes, self.temperature = read_description(content, path)
        self.precision = "int8" if content.metadata.get("precision") == "int8" else "float32"
        if find_spec("onnxruntime") is None:
            raise UserError(f"{path} needs onnxruntime: pip install 'fer-lightning[export]'")
        self.batch = BATCH if content.inputs[0].sizes[0] < 0 else content.inputs[0].sizes[0]  # as with --fixed
        if shipped.is_shipped(path.name, data):
            self.run = InProcess(data)
        else:
            from fer.prediction.onnx_isolated import Isolated

            self.run = Isolated(data, self.name)
            self._try()

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W) uint8 -> (N, C) float32, rows sum to 1. Raises UserError for other output of the graph."""
        parts = [faces[start : start + self.batch] for start in range(0, len(faces), self.batch)]
        return np.concatenate([self._part(part) for part in parts])

    def close(self) -> None:
        """Ends the child process; waiting calls raise."""
        self.run.close()

    def _part(self, faces: np.ndarray) -> np.ndarray:
        return check_probabilities(self.run(faces[:, None]), len(faces), len(self.classes), self.name)

    def _try(self) -> None:
        """Runs the graph on random faces twice and sets the batch size from the second run's time."""
        shape = (min(TRIAL_FACES, self.batch), SIZE, SIZE)
        faces = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        self._part(faces)
        started = perf_counter()
        self._part(faces)
        self.batch = int(np.clip(RUN_SECONDS * len(faces) / (perf_counter() - started), 1, self.batch))


class InProcess:
    """Runs a graph in this process, for the network that ships."""

    def __init__(self, data: bytes):
        self.session = session_of(data)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        return run(self.session, np.ascontiguousarray(images))

    def close(self) -> None:
        """Does nothing: there is no child process."""


def read(path: Path) -> bytes:
    """Reads a file. Raises UserError if it is missing, unreadable or larger than ONNX allows."""
    if not path.is_file():
        raise UserError(f"no such file: {path}; python -m fer.export CHECKPOINT writes one")
    try:
        if path.stat().st_size >= MAX_MESSAGE:
            raise UserError(f"{path}: not an ONNX file that onnxruntime can load (2 GB or more)")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def read_description(content: Content, path: Path) -> Description:
    """Returns the checked metadata. Raises UserError unless fer.export could have written the file."""
    if content.metadata.get("producer") != PRODUCER:
        raise UserError(f"{path}: not written by fer.export, so its classes and pixels are unknown")
    if content.external:
        raise UserError(f"{path}: it keeps weights in other files, which are not read; {REMEDY}")
    classes = classes_of(metadata_value(content, "classes", path), path)
    temperature = temperature_of(metadata_value(content, "temperature", path), path)
    check_value("input", content.inputs, Value(INPUT, UINT8, (-1, 1, -1, -1)), path)
    check_value("output", content.outputs, Value(OUTPUT, FLOAT, (-1, len(classes))), path)
    return Description(classes, temperature)


def metadata_value(content: Content, key: str, path: Path) -> Any:
    """Parses the JSON under a key of the metadata. Raises UserError if it is missing or no JSON."""
    if key not in content.metadata:
        raise UserError(f"{path}: its metadata has no {key}; {REMEDY}")
    try:
        return json.loads(content.metadata[key])
    except (ValueError, RecursionError):
        raise UserError(f"{path}: {key} in its metadata is not JSON; {REMEDY}") from None


def classes_of(node: Any, path: Path) -> tuple[str, ...]:
    """Checks the names of the classes."""
    names = node if isinstance(node, list) else []
    are_names = all(isinstance(name, str) and name and name.isprintable() for name in names)
    if not are_names or not 2 <= len(names) <= MAX_CLASSES or len(set(names)) < len(names):
        raise UserError(f"{path}: classes in its metadata are not two or more different names; {REMEDY}")
    return tuple(names)


def temperature_of(node: Any, path: Path) -> float | None:
    """Checks the temperature: a positive finite number, or None."""
    if node is None:
        return None
    if isinstance(node, int | float) and not isinstance(node, bool) and 0 < node <= sys.float_info.max:
        return float(node)
    raise UserError(f"{path}: the temperature in its metadata is not a positive number; {REMEDY}")


def check_value(role: str, values: list[Value], expected: Value, path: Path) -> None:
    """Raises UserError unless the graph has exactly the expected input or output; size -1 matches any."""
    names = [value.name for value in values]
    if names != [expected.name]:
        raise UserError(f"{path}: {role} '{expected.name}' expected, found {quote_names(names)}; {REMEDY}")
    [value] = values
    pairs = list(zip(value.sizes, expected.sizes, strict=False))
    sizes_match = len(value.sizes) == len(expected.sizes) and all(-1 in pair or len(set(pair)) == 1 for pair in pairs)
    if value.kind != expected.kind or not sizes_match:
        raise UserError(f"{path}: {role} '{expected.name}' is of another type or shape; {REMEDY}")


def quote_names(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:3]) or "none"


def check_probabilities(answer: Any, count: int, classes: int, name: str) -> np.ndarray:
    """Returns the output as (count, classes) float32. Raises UserError unless each row holds probabilities."""
    wrong = ""
    if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f" or answer.shape != (count, classes):
        wrong = f"of shape {getattr(answer, 'shape', '?')}, expected {(count, classes)}"
    elif not np.isfinite(answer).all():
        wrong = "not finite"
    elif (answer < -SUM_TOLERANCE).any() or (np.abs(answer.sum(1, dtype=np.float64) - 1) > SUM_TOLERANCE).any():
        wrong = "rows do not sum to 1"
    if wrong:
        raise UserError(f"{name}: its output is not probabilities ({wrong}); {REMEDY}")
    return answer.astype(np.float32, copy=False)
