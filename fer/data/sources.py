"""Reads the faces of `data=auto|fer2013|folder|synthetic|own`, all but the last through the cache."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fer.data import csv_format, face_crops, parquet_table
from fer.data.cache import cached_faces
from fer.data.class_numbers import KNOWN
from fer.data.faces import Faces
from fer.data.fer2013 import HOW_TO_GET, read_fer2013
from fer.data.files import Directory, SingleFile, Stamp
from fer.data.folders import NothingFound
from fer.data.labelling import Labelling
from fer.data.own_pictures import read_own
from fer.data.own_source import EXAMPLE, OPTION, read_with
from fer.data.reading import ARCHIVES, DEFAULT, Limits
from fer.data.synthetic import synthetic_faces
from fer.errors import Setting, UserError
from fer.pictures import MAX_PIXELS, SUFFIXES

DEFAULT_ROOT = "data"
READERS = {"auto": read_fer2013, "fer2013": read_fer2013, "folder": read_own}
SOURCES = (*READERS, "synthetic", "own")
ON_BAD_ROW = ("error", "skip")
CSV_OF_PIXELS = re.compile(r"[^:(]+\.(csv|tsv)")
"""Beginning of the layout of such a csv, in words."""
LABELS = (
    *(*csv_format.SUFFIXES, *parquet_table.SUFFIXES, ".txt", ".lst", ".json", ".jsonl", ".yaml", ".yml", ".npy"),
    *(".cls", ".names", ".labels"),
)
"""Suffixes of files that may hold labels."""


def read_faces(
    source: str,
    root: str | Sequence[str] | None = None,
    on_bad_row: str = "error",
    synthetic: Mapping[str, Any] | None = None,
    max_pixels: int = MAX_PIXELS,
    numbers: str | Mapping[int, str | None] | None = None,
    max_bytes: Mapping[str, int | None] | None = None,
    rename: str | Mapping[str, str | None] | None = None,
    columns: str | Mapping[str, str] | None = None,
    labels: str | None = None,
    reader: str | None = None,
    align: bool | str = False,
) -> tuple[Faces, str]:
    """Returns the faces and a line that states their origin.

    source: "auto", "fer2013", "folder", "synthetic" or "own".
    root: one path or several; None stands for the environment variable FER2013_ROOT, then ./data. Only `auto` with
    nothing in ./data falls back to the synthetic faces: a path that was given must hold faces.
    on_bad_row: "error" or "skip".
    synthetic: arguments of `synthetic_faces`.
    numbers: emotions of class folders that are numbers, see `fer.data.class_numbers.parse`.
    rename: other names for classes, see `fer.data.class_names.parse_renames`.
    labels: a table of pictures and their labels, see `read_label_file`; without `root`, it lies above the pictures.
    columns: what columns of a table are called, see `fer.data.csv_format.parse_columns`.
    reader: for "own", the import path of a function that takes `root` and returns `Faces`, see `read_with`.
    align: crops pictures to the largest face that is detected in them; those without one are left out, and counted.
    A name is that of the detector, see `fer.prediction.detect.NAMES`; True stands for "haar".
    max_pixels: a picture with more pixels is a bad row.
    max_bytes: fields of `Limits`. They do not apply to data in the cache, which was read before.
    Raises UserError for data that cannot be used and for an option without such a value, whether or not the cache would
    answer.
    """
    checked("data.source", source, SOURCES)
    checked("data.on_bad_row", on_bad_row, ON_BAD_ROW)
    if not isinstance(max_pixels, int) or isinstance(max_pixels, bool) or max_pixels < 1:
        raise UserError(f"data.max_pixels={max_pixels}: expected a positive integer, the pixels of a picture")
    labelling = Labelling.parse(numbers, rename, columns, labels, own_classes=source == "folder")
    checked("data.align", align, face_crops.VALUES)
    limits = replace(limits_of(max_bytes), pixels=max_pixels, align=align)
    if source == "own" or reader:
        check_own(
            source,
            reader,
            {"labels.numbers": numbers, "labels.rename": rename, "data.labels": labels, "data.align": align or None},
        )
        return read_with(str(reader), root), f"own data ({reader})"
    if source == "synthetic":
        return _synthetic(synthetic), "SYNTHETIC FACES (data=synthetic)"
    named = root or (os.path.dirname(labels) or "." if labels else os.environ.get("FER2013_ROOT"))
    paths = [named] if isinstance(named, str) else named or [DEFAULT_ROOT]
    roots = [Path(os.path.abspath(os.path.expanduser(path))) for path in paths]
    try:
        faces = _read(source, roots, on_bad_row, labelling, limits)
    except NothingFound as nothing:
        if source != "auto" or named:
            raise
        return _synthetic(synthetic), f"SYNTHETIC FACES, NOT FER2013 ({nothing})"
    if align and CSV_OF_PIXELS.search(faces.layout):
        faces = faces.noting(["data.align: a csv holds cropped faces, which stay as they are"])
    if source == "folder":
        return faces, "own pictures"
    if labelling.numbers not in (None, KNOWN["fer2013"]) and faces.layout == "class folders":
        return faces, "pictures labelled as labels.numbers says"
    return faces, "FER2013" if is_fer2013_layout(faces) else faces.layout


def check_own(source: str, reader: str | None, others: Mapping[str, object]) -> None:
    """Raises UserError for `data=own` without a reader, for a reader of other data, and for options of other readers.

    others: option -> value.
    """
    if not reader:
        raise UserError("data=own: no function that reads the data; name one with ", EXAMPLE)
    if source != "own":
        raise UserError(Setting(OPTION, reader), " reads data=own; type data=own, too, or leave data.reader out")
    for option, value in others.items():
        if value:
            raise UserError(
                f"{option}={value}: the function of data=own says which class a face has; leave {option} out"
            )


def checked(option: str, value: object, choices: Sequence[object]) -> None:
    """Raises UserError for a value that is not among the choices."""
    if value not in choices:
        names = ", ".join("null" if choice is None else str(choice) for choice in choices)
        raise UserError(f"{option}={value}: expected one of {names}")


def limits_of(max_bytes: Mapping[str, int | None] | None) -> Limits:
    """`data.max_bytes` with the defaults where it says nothing. Raises UserError for anything but positive integers."""
    if not isinstance(max_bytes or {}, Mapping):
        fix = f"data.max_bytes.file={max_bytes} or data.max_bytes.total={max_bytes}"
        raise UserError(f"data.max_bytes={max_bytes}: these are two limits; give {fix}")
    given = {name: value for name, value in (max_bytes or {}).items() if value is not None}
    for name, value in given.items():
        checked("data.max_bytes", name, ("file", "total"))
        if isinstance(value, bool | str) or not (value >= 1 and value == int(value)):
            raise UserError(f"data.max_bytes.{name}={value}: expected a positive integer")
    return replace(DEFAULT, **{name: int(value) for name, value in given.items()})


def _synthetic(options: Mapping[str, Any] | None) -> Faces:
    options = dict(options or {})
    try:
        faces = cached_faces(["synthetic", sorted(options.items())], None, lambda: synthetic_faces(**options))
    except (ValueError, TypeError) as error:  # TypeError: an argument that it does not have
        raise UserError(f"data.synthetic: {error}") from error
    if (faces.usage >= 0).all():  # their roles are no official split
        faces = replace(faces, folder=faces.usage, usage=np.full_like(faces.usage, -1))
    return faces


def is_fer2013_layout(faces: Faces) -> bool:
    """Whether faces lie on disk as FER2013 does: in a csv of pixels or in class folders."""
    return all(part == "class folders" or CSV_OF_PIXELS.match(part) for part in faces.layout.split(" + "))


def _read(source: str, roots: Sequence[Path], on_bad_row: str, labelling: Labelling, limits: Limits) -> Faces:
    for root in roots:
        if not root.exists():
            remedy = ("check ", Setting("data.root")) if source == "folder" else HOW_TO_GET
            raise NothingFound(f"no such path: {root}; ", *remedy)
    place = [source == "folder", on_bad_row, limits.pixels, labelling.key(), *map(str, roots)]
    stamps: list[object] = [_stamps(root) for root in roots]
    if limits.align:
        name = face_crops.name_of(limits.align)
        place.append("align" if name == "haar" else f"align {name}")
        stamps.append(face_crops.code())
    if labelling.file and os.path.isfile(labelling.file):
        stamps.append(_stamps(Path(labelling.file)))
    return cached_faces(place, stamps, lambda: READERS[source](roots, on_bad_row, labelling, limits))


def _stamps(root: Path) -> list[Stamp]:
    """Returns name, size, times and inode of all that could be read at `root`, archives unopened."""
    files = Directory(root) if root.is_dir() else SingleFile(root)
    return [stamp for stamp in files.stamps if stamp[0].lower().endswith((*SUFFIXES, *ARCHIVES, *LABELS))]
