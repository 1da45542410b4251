"""FER2013 in every layout that people have on disk -> one `Faces` record. What is there decides, not an option."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from fer.data.emotions import EMOTIONS, USAGES
from fer.data.faces import SIZE, Faces, concatenate
from fer.data.files import ARCHIVES, Files, files_at
from fer.data.folders import NothingFound, image_names, known_class, read_folders
from fer.errors import UserError

HOW_TO_GET = (
    "get fer2013.csv or the train/test folders from Kaggle ('fer2013', research use) and put them into ./data, "
    "or name the place with data.root=PATH or FER2013_ROOT; data=synthetic needs no download"
)
CSV_ROLES = {"train": 0, "val": 1, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Layout:
    """Something readable that was found. A lower rank is preferred where several lie side by side."""

    rank: int
    where: str
    read: Callable[[str], Faces]  # takes data.on_bad_row


def read_fer2013(roots: list[Path], on_bad_row: str = "error") -> Faces:
    """All labelled faces below `roots` (directories, csv files, zip or tar archives), classes in FER2013's order.

    `on_bad_row` is "error" or "skip". Raises UserError naming file, row or image, and `NothingFound` where no known
    layout is.
    """
    return concatenate([part for root in roots for part in _read_root(root, on_bad_row)])


def _read_root(root: Path, on_bad_row: str) -> list[Faces]:
    files = files_at(root)
    found = list(layouts(files))
    if not found:
        archives = [name for name in files.names if name.lower().endswith(ARCHIVES)]
        found = [layout for name in archives for layout in layouts(files_at(root / name))]
    if not found:
        raise NothingFound(f"{root}: no csv with emotion and pixels, no folder per emotion; {HOW_TO_GET}")
    best = min(layout.rank for layout in found)
    chosen = [layout for layout in found if layout.rank == best]
    others = [layout.where for layout in found if layout.rank > best and layout.rank != UNLABELLED]
    if best <= OTHER_CSV and len(chosen) > 1:
        places = ", ".join(layout.where for layout in chosen)
        raise UserError(f"{root}: several data sets ({places}); name one with data.root=FILE")
    if best == UNLABELLED:
        raise UserError(f"{chosen[0].where}: pixels without labels serve prediction only; add train.csv beside it")
    notes = [f"not used: {', '.join(others)}"] if others else []
    notes += [
        f"{layout.where} has no labels: it serves prediction only" for layout in found if layout.rank == UNLABELLED
    ]
    parts = [layout.read(on_bad_row) for layout in chosen]
    return [Faces(**{**vars(parts[0]), "notes": (*parts[0].notes, *notes)}), *parts[1:]]


FER2013_CSV, OTHER_CSV, CHALLENGE, FOLDERS, UNLABELLED = range(5)


def layouts(files: Files) -> Iterator[Layout]:
    """Every known layout among `files`."""
    for name in files.names:
        if name.lower().endswith(".csv"):
            yield from _csv_layout(files, name)
    images = image_names(files)
    if any(known_class(name) for name in images):
        where = files.path("").rstrip("/")
        yield Layout(FOLDERS, where, lambda skip: read_folders(files, images, skip))


def _csv_layout(files: Files, name: str) -> Iterator[Layout]:
    with files.open(name) as file:
        fields = split_row(file.readline())
    columns, where = [field.lower() for field in fields], files.path(name)
    if {"emotion", "pixels", "usage"} <= set(columns):
        rank = FER2013_CSV if PurePosixPath(name).stem == "fer2013" else OTHER_CSV
        yield Layout(rank, where, lambda on_bad: read_csv(files, name, columns, on_bad))
    elif {"emotion", "pixels"} <= set(columns):
        yield Layout(CHALLENGE, where, lambda on_bad: read_csv(files, name, columns, on_bad))
    elif columns == ["pixels"]:
        yield Layout(UNLABELLED, where, lambda on_bad: None)
    elif {"emotion", "pixels"} & set(columns) or len(files.names) == 1 or PurePosixPath(name).stem == "fer2013":
        raise UserError(
            f"{where}, line 1: columns {', '.join(fields)[:200]}; expected emotion, pixels and, if known, Usage. "
            "Correct the header or point data.root at another file"
        )


def split_row(line: bytes) -> list[str]:
    return [field.strip().strip('"').strip() for field in line.decode("utf-8-sig", "replace").strip().split(",")]


class BadRow(ValueError):
    """A row that cannot be used; the message completes "FILE, line N: …"."""


def read_csv(files: Files, name: str, columns: list[str], on_bad_row: str) -> Faces:
    """One csv of FER2013, any order of its columns, with or without Usage. Blank lines are no rows."""
    where, rows, bad = files.path(name), [], 0
    with files.open(name) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # numpy < 2.4 warns where newer versions raise
        file.readline()
        number = -1
        for line, text in enumerate(file, start=2):
            if not text.strip():
                continue
            number += 1
            try:
                rows.append((*parse_row(text, columns), number))
            except BadRow as error:
                if on_bad_row != "skip":
                    fix = "correct the row, or drop such rows with data.on_bad_row=skip"
                    raise UserError(f"{where}, line {line}: {error}; {fix}") from None
                bad += 1
    if not rows:
        raise UserError(f"{where}: no usable row below the header ({bad} bad ones); fetch the file again")
    images, labels, usage, numbers = zip(*rows, strict=True)
    stem = PurePosixPath(name).stem.lower()
    return Faces(
        images=np.stack(images).reshape(-1, SIZE, SIZE),
        labels=np.array(labels, dtype=np.int64),
        usage=np.array(usage, dtype=np.int8),
        folder=np.full(len(rows), CSV_ROLES.get(stem, -1), dtype=np.int8),
        ids=np.array([f"{USAGES[u] if u >= 0 else stem}_{n}" for u, n in zip(usage, numbers, strict=True)]),
        classes=EMOTIONS,
        layout=f"{PurePosixPath(name).name} ({', '.join(columns)})",
        sources=(where,),
        notes=(f"{where}: {bad} bad rows skipped",) if bad else (),
    )


def parse_row(text: bytes, columns: list[str]) -> tuple[np.ndarray, int, int]:
    """One line as (2304,) uint8 pixels, emotion code, index of the Usage (-1 without)."""
    fields = text.strip().split(b",")
    if len(fields) != len(columns):
        raise BadRow(f"{len(fields)} fields, expected {len(columns)} ({', '.join(columns)})")
    row = dict(zip(columns, (field.strip().strip(b'"') for field in fields), strict=True))
    return _pixels(row["pixels"]), _emotion(row["emotion"]), _usage(row.get("usage"))


def _pixels(text: bytes) -> np.ndarray:
    try:
        values = np.fromstring(text, dtype=np.int32, sep=" ")  # the fastest of the ways tried
    except ValueError:
        words = text.split()
        odd = next((word for word in words if not word.isdigit()), b"?").decode(errors="replace")
        raise BadRow(f"'{odd[:20]}' among the pixels, expected numbers from 0 to 255") from None
    if values.size != SIZE * SIZE:
        raise BadRow(f"{values.size} pixels, expected {SIZE * SIZE} ({SIZE}×{SIZE})")
    if values.min() < 0 or values.max() > 255:
        odd = values[(values < 0) | (values > 255)][0]
        raise BadRow(f"pixel value {odd}, expected 0 to 255")
    return values.astype(np.uint8)


def _emotion(text: bytes) -> int:
    if not text.isdigit() or int(text) >= len(EMOTIONS):
        codes = ", ".join(f"{code} {name}" for code, name in enumerate(EMOTIONS))
        raise BadRow(f"emotion '{text.decode(errors='replace')[:20]}', expected one of {codes}")
    return int(text)


def _usage(text: bytes | None) -> int:
    if text is None:
        return -1
    try:
        return USAGES.index(text.decode())
    except ValueError:
        raise BadRow(f"Usage '{text.decode(errors='replace')[:20]}', expected {', '.join(USAGES)}") from None
