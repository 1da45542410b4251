"""One Parquet or Arrow file: its columns, the names of its classes, its rows. Needs pyarrow."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from fer.data.csv_format import ALIASES, PIXELS, Columns
from fer.data.csv_values import BadRow, parse_pixels, parse_usage
from fer.data.face_crops import NoFace, cropper
from fer.data.files import Directory, Files
from fer.data.places import ROLES, id_of
from fer.data.reading import LFS_POINTER, brief, check_no_pointer, check_total, readable
from fer.errors import UserError
from fer.pictures import Unreadable, decode
from fer.preprocess import SIZE, to_face
from fer.threads import on_all_cores

SUFFIXES = (".parquet", ".arrow")
INSTALL = "pip install 'fer-lightning[parquet]'"
IMAGES = ("image", "img", "images", "img_bytes", "image_bytes", "picture", "pixels")
LABELS = ("emotion", *ALIASES["emotion"])
SPLITS = ("usage", *ALIASES["usage"])
BATCH = 1000  # rows in memory at a time


Answer = tuple[np.ndarray, int] | NoFace | Unreadable | BadRow
"""A face, (48, 48) uint8, and its size in bytes, or the reason why there is none."""


class Row(NamedTuple):
    """A face of a table."""

    image: np.ndarray  # (48, 48) uint8
    label: str
    usage: int
    role: int
    id: str


class Table:
    """One file: its columns, and its rows in batches. Raises UserError for a file that is damaged."""

    def __init__(self, files: Files, name: str, columns: Columns):
        self.files, self.name, self.where = files, name, files.path(name)
        self.faceless = 0
        self.schema, self.batches = self._open()
        names = self.schema.names
        self.image, self.label, self.split = (
            _column(names, columns.get(holds), usual)
            for holds, usual in (("pixels", IMAGES), ("label", LABELS), ("split", SPLITS))
        )

    def _open(self) -> tuple[Any, Iterator[Any]]:
        pyarrow = _pyarrow(self.where)
        with readable(self.where):
            try:
                source = self._source(pyarrow)
                if self.name.lower().endswith(".parquet"):
                    file = pyarrow.parquet.ParquetFile(source)
                    return file.schema_arrow, file.iter_batches(BATCH)
                return _arrow(pyarrow, source)
            except pyarrow.ArrowInvalid as error:
                raise UserError(f"{self.where}: damaged ({brief(error)}); fetch it again") from error

    def _source(self, pyarrow: Any) -> Any:
        """Returns the open file; one in an archive is read into memory."""
        if isinstance(self.files, Directory):
            with open(self.where, "rb") as file:
                check_no_pointer(file.read(len(LFS_POINTER)), self.where)
            return pyarrow.memory_map(self.where)
        _, content = next(iter(self.files.read([self.name])))
        check_no_pointer(content, self.where)
        return pyarrow.BufferReader(content)

    def class_names(self) -> Sequence[str] | None:
        """Returns the names of the labels' numbers in the schema's metadata, or None."""
        metadata = (self.schema.metadata or {}).get(b"huggingface")
        with_features = _json(metadata) or _json(self._info()) or {}
        features = with_features.get("info", with_features).get("features", {})
        label = features.get(self.label) if isinstance(features, Mapping) else None
        names = label.get("names") if isinstance(label, Mapping) else None
        return [str(name) for name in names] if isinstance(names, list) else None

    def _info(self) -> bytes | None:
        """Returns dataset_info.json beside the file, or None."""
        path = f"{self.name.rpartition('/')[0]}/dataset_info.json".lstrip("/")
        return next(iter(self.files.read([path])))[1] if path in self.files.names else None

    def rows(self, on_bad_row: str) -> Iterator[Row | None]:
        """Yields the faces; None for one that cannot be read where `on_bad_row` is "skip", otherwise UserError."""
        names, role = self.class_names(), role_of_file(self.name)
        columns = [column for column in (self.image, self.label, self.split) if column]
        size = 0
        records = (record for batch in self.batches for record in batch.select(columns).to_pylist())
        for number, (record, answer) in enumerate(self._faces(records)):
            try:
                if isinstance(answer, Exception):
                    raise answer
                image, used = answer
                label = _label(record[self.label], names)
                usage, own_role = _split(record.get(self.split), role)
                yield Row(image, label, usage, own_role, f"{id_of(self.name)}_{number}")
                size += used
            except NoFace:
                self.faceless += 1
                yield None
            except (Unreadable, BadRow) as error:
                if on_bad_row != "skip":
                    fix = "replace the file, or drop such rows with data.on_bad_row=skip"
                    raise UserError(f"{self.where}, row {number}: {error}; {fix}") from None
                yield None
            check_total(size, self.where, self.files.limits)

    def _faces(self, records: Iterable[Mapping[Any, Any]]) -> Iterator[tuple[Mapping[Any, Any], Answer]]:
        """Yields each row with its face; with `data.align` on all cores."""
        align = self.files.limits.align
        to_image = cropper(align) if align else to_face

        def face(record: Mapping[Any, Any]) -> Answer:
            try:
                return self._face(record[self.image], to_image)
            except (NoFace, Unreadable, BadRow) as error:
                return error

        return on_all_cores(face, records) if align else ((record, face(record)) for record in records)

    def _face(self, value: Any, to_image: Callable[[Image.Image], np.ndarray]) -> tuple[np.ndarray, int]:
        """Returns a face, (48, 48) uint8, and its size in bytes. Raises Unreadable and BadRow."""
        content = value.get("bytes") if isinstance(value, Mapping) else value
        if isinstance(content, bytes):
            picture = decode(content, "picture", self.files.limits.pixels, colours=bool(self.files.limits.align))
            return to_image(picture), len(content)
        if isinstance(content, str):
            pixels, _ = parse_pixels(content.encode())
            return np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE), len(content)
        if isinstance(content, list):
            text = str(content).encode()
            pixels, _ = parse_pixels(text)
            return np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE), PIXELS
        path = value.get("path") if isinstance(value, Mapping) else None
        raise BadRow(f"no picture in it{f', only the path {path[:80]}' if path else ''}")


def _pyarrow(where: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UserError(f"{where} needs pyarrow: {INSTALL}") from None
    return pyarrow


def _arrow(pyarrow: Any, source: Any) -> tuple[Any, Iterator[Any]]:
    """Opens an Arrow file, which `datasets` writes as a stream."""
    try:
        stream = pyarrow.ipc.open_stream(source)
        return stream.schema, iter(stream)
    except pyarrow.ArrowInvalid:
        file = pyarrow.ipc.open_file(source)
        return file.schema, (file.get_batch(number) for number in range(file.num_record_batches))


def _column(names: Sequence[str], chosen: str | None, usual: Sequence[str]) -> str | None:
    by_key = {name.casefold(): name for name in names}
    return next((by_key[name] for name in ((chosen,) if chosen else usual) if name in by_key), None)


def _json(text: bytes | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _label(value: Any, names: Sequence[str] | None) -> str:
    """Returns a label as text: the name of its number where the file has names. Raises BadRow without one."""
    if value is None or (isinstance(value, int) and value < 0):
        raise BadRow("no label")
    if isinstance(value, float) and value == int(value):
        value = int(value)
    if isinstance(value, int) and names is not None:
        if value >= len(names):
            raise BadRow(f"label {value}, expected 0 to {len(names) - 1}")
        return names[value]
    return str(value)


def _split(value: Any, role: int) -> tuple[int, int]:
    return (-1, role) if value is None else parse_usage(str(value).encode())


def role_of_file(name: str) -> int:
    """Returns the role in a file's name such as `data/train-00000-of-00001.parquet`, or of the folders above it."""
    for part in reversed(name.casefold().split("/")):
        for word in re.split(r"[-._ ]", part):
            if word in ROLES:
                return ROLES[word]
    return -1
