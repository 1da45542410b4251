"""Runs a file written by `fer.export` as a `Network`, with onnxruntime and without torch.

Anybody may have written the file, so it is read as data first (`onnx_content`), and whatever does not fit is refused
before onnxruntime sees it. Its graph runs in a process of its own (`onnx_isolated`), unless it is the network that
ships with fer, and its answers are taken only if they are probabilities.
"""

import json
import math
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from fer.errors import UserError
from fer.prediction import shipped
from fer.prediction.onnx_content import Content, Value, content_of
from fer.prediction.onnx_worker import INPUT, LONGEST, OUTPUT
from fer.preprocess import SIZE

MARK = "fer.export"
"""The producer's name in the file."""
UINT8, FLOAT = 2, 1
"""Of TensorProto.DataType."""
MOST_CLASSES = 1000
OFF = 1e-3
"""How far the probabilities of a face may be from the sum 1."""
TRIAL = 2
"""Faces of the run that a file is tried with."""
PART = 3.0
"""Seconds that a run is meant to take at most; more faces are asked in several, so that none comes near the limit."""
BATCH = 256
AGAIN = "export the network again with fer.export"


class Description(NamedTuple):
    """What the metadata of a file say. temperature: None where probabilities were never calibrated."""

    classes: tuple[str, ...]
    temperature: float | None


class OnnxNetwork:
    """Raises UserError where onnxruntime is missing, and for a file that is none of ours or does not answer as one."""

    def __init__(self, path: Path):
        data = read(path)
        self.name = str(path)
        try:
            content = content_of(data)
        except ValueError as error:
            raise UserError(f"{path}: not an ONNX file that onnxruntime can load ({error})") from error
        self.classes, self.temperature = described(content, path)
        if find_spec("onnxruntime") is None:
            raise UserError(f"{path} needs onnxruntime: pip install 'fer-lightning[export]'")
        self.at_once = BATCH
        if shipped.is_ours(path.name, data):
            self.run = Here(data)
        else:
            from fer.prediction.onnx_isolated import Isolated

            self.run = Isolated(data, self.name)
            self._try()

    def probabilities(self, faces: np.ndarray) -> np.ndarray:
        """(N, H, W) uint8 -> (N, C) float32, rows sum to 1. Raises UserError for a graph that does not answer so."""
        parts = [faces[start : start + self.at_once] for start in range(0, len(faces), self.at_once)]
        return np.concatenate([self._part(part) for part in parts])

    def close(self) -> None:
        """Ends the process that runs the graph; calls that wait for it raise."""
        self.run.close()

    def _part(self, faces: np.ndarray) -> np.ndarray:
        return checked(self.run(faces[:, None]), len(faces), len(self.classes), self.name)

    def _try(self) -> None:
        """Runs the graph on nothing in particular, a second time by the clock."""
        faces = np.random.default_rng(0).integers(0, 256, (TRIAL, SIZE, SIZE), dtype=np.uint8)
        self._part(faces)
        started = perf_counter()
        self._part(faces)
        self.at_once = int(np.clip(PART * TRIAL / (perf_counter() - started), 1, BATCH))


class Here:
    """A graph in this process, for the network that ships."""

    def __init__(self, data: bytes):
        from fer.prediction.onnx_worker import session_of

        self.session = session_of(data)

    def __call__(self, images: np.ndarray) -> np.ndarray:
        from fer.prediction.onnx_worker import run

        return run(self.session, np.ascontiguousarray(images))

    def close(self) -> None:
        """There is no process to end."""


def read(path: Path) -> bytes:
    """The bytes of a file. Raises UserError where there is none, or one larger than ONNX allows."""
    if not path.is_file():
        raise UserError(f"no such file: {path}; python -m fer.export CHECKPOINT writes one")
    try:
        if path.stat().st_size >= LONGEST:
            raise UserError(f"{path}: not an ONNX file that onnxruntime can load (2 GB or more)")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def described(content: Content, path: Path) -> Description:
    """Raises UserError unless the file is one that fer.export could have written."""
    if content.metadata.get("producer") != MARK:
        raise UserError(f"{path}: not written by fer.export, so its classes and pixels are unknown")
    if content.external:
        raise UserError(f"{path}: it keeps weights in other files, which are not read; {AGAIN}")
    classes = classes_of(metadatum(content, "classes", path), path)
    temperature = temperature_of(metadatum(content, "temperature", path), path)
    check_value("input", content.inputs, Value(INPUT, UINT8, (-1, 1, -1, -1)), path)
    check_value("output", content.outputs, Value(OUTPUT, FLOAT, (-1, len(classes))), path)
    return Description(classes, temperature)


def metadatum(content: Content, key: str, path: Path) -> Any:
    """What the metadata hold as JSON under a key."""
    if key not in content.metadata:
        raise UserError(f"{path}: its metadata have no {key}; {AGAIN}")
    try:
        return json.loads(content.metadata[key])
    except (ValueError, RecursionError):
        raise UserError(f"{path}: {key} in its metadata are no JSON; {AGAIN}") from None


def classes_of(node: Any, path: Path) -> tuple[str, ...]:
    names = node if isinstance(node, list) else []
    good = all(isinstance(name, str) and name and name.isprintable() for name in names)
    if not good or not 2 <= len(names) <= MOST_CLASSES or len(set(names)) < len(names):
        raise UserError(f"{path}: classes in its metadata are not two or more different names; {AGAIN}")
    return tuple(names)


def temperature_of(node: Any, path: Path) -> float | None:
    if node is None:
        return None
    try:
        if isinstance(node, int | float) and not isinstance(node, bool) and 0 < float(node) < math.inf:
            return float(node)
    except OverflowError:
        pass
    raise UserError(f"{path}: the temperature in its metadata is no positive number; {AGAIN}")


def check_value(what: str, found: list[Value], expected: Value, path: Path) -> None:
    """Raises UserError unless the graph has the one input or output that is expected; -1 stands for any size."""
    names = [value.name for value in found]
    if names != [expected.name]:
        raise UserError(f"{path}: {what} '{expected.name}' expected, found {listed(names)}; {AGAIN}")
    [value] = found
    fits = [-1 in pair or pair[0] == pair[1] for pair in zip(value.sizes, expected.sizes, strict=False)]
    if value.kind != expected.kind or len(value.sizes) != len(expected.sizes) or not all(fits):
        raise UserError(f"{path}: {what} '{expected.name}' is of another type or shape; {AGAIN}")


def listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:3]) or "none"


def checked(answer: Any, count: int, classes: int, name: str) -> np.ndarray:
    """(count, classes) float32. Raises UserError unless each row holds probabilities."""
    wrong = ""
    if not isinstance(answer, np.ndarray) or answer.dtype.kind != "f" or answer.shape != (count, classes):
        wrong = f"of shape {getattr(answer, 'shape', '?')}, expected {(count, classes)}"
    elif not np.isfinite(answer).all():
        wrong = "not finite"
    elif (answer < -OFF).any() or (np.abs(answer.sum(1, dtype=np.float64) - 1) > OFF).any():
        wrong = "rows do not sum to 1"
    if wrong:
        raise UserError(f"{name}: its answers are no probabilities ({wrong}); {AGAIN}")
    return answer.astype(np.float32, copy=False)
