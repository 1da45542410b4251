"""Reads FER2013 as one `Faces` record, in any layout; the files found decide which.

Where several lie in one place, the first of these is read: fer2013.csv, another csv with Usage, pictures in a folder
per class, a csv without Usage. Archives in a directory are opened where nothing of the first three lies unpacked.
Of one kind those are read together that fill different roles, such as Train.zip and Test.zip; else it is an error.
"""

import posixpath
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from fer.data.class_numbers import Numbers
from fer.data.emotions import EMOTIONS, USAGES
from fer.data.faces import SIZE, Faces, concatenate
from fer.data.files import Directory, Files, SingleFile, files_at
from fer.data.folders import NothingFound, emotion_sets, places_of, read_folders, stem_of
from fer.data.reading import ARCHIVES, DEFAULT, LINE, Limits
from fer.errors import Setting, UserError

HOW_TO_GET = (
    "to get FER2013, download it from kaggle.com/datasets/msambare/fer2013 (free account, research use), put it into "
    "./data, packed or not, or name its place with ",
    Setting("data.root", "PATH"),
    " or FER2013_ROOT",
    Setting("data", "synthetic", before="; ", after=" needs no download"),
)
COLUMNS = "emotion, pixels and, if known, Usage"
CSV_ROLES = {"train": 0, "val": 1, "validation": 1, "test": 2}
BLANK_LINES = 1000  # at most above a header
FER2013_CSV, OTHER_CSV, FOLDERS, CSV_WITHOUT_USAGE, UNFIT = range(5)


@dataclass(frozen=True)
class Candidate:
    """A data set that can be read; with rank UNFIT, reading it raises UserError with the reason why it cannot."""

    rank: int
    where: str
    roles: frozenset[int]
    read: Callable[[str], Faces]  # takes data.on_bad_row
    unread: str  # the note where it is not read; "" for none


def read_fer2013(
    roots: Sequence[Path], on_bad_row: str = "error", numbers: Numbers | None = None, limits: Limits = DEFAULT
) -> Faces:
    """Reads all labelled faces at `roots` (directories, csv files, zip or tar archives), classes in FER2013's order.

    `on_bad_row` is "error" or "skip". numbers: what class folders that are numbers stand for. Contempt is an eighth
    class where pictures show it. Raises UserError naming file, row or image, and `NothingFound` where no known layout
    is.
    """
    searches = [search(root, numbers, limits) for root in roots]
    best = []
    for root, candidates_there in zip(roots, searches, strict=True):
        best += choose(root, candidates_there)
    chosen = [candidate for candidate in best if candidate.rank < UNFIT] or best
    parts = [candidate.read(on_bad_row) for candidate in chosen]
    classes = max((part.classes for part in parts), key=len)
    faces = concatenate([replace(part, classes=classes) for part in parts])
    if numbers is not None:
        csvs = [candidate.where for candidate in chosen if candidate.rank != FOLDERS]
        faces = faces.noting([f"{csv}: labels.numbers is for folders; a csv's codes are FER2013's" for csv in csvs])
    rest = [candidate for candidates_there in searches for candidate in candidates_there if candidate not in chosen]
    return faces.noting([candidate.unread for candidate in rest if candidate.unread])


def search(root: Path, numbers: Numbers | None = None, limits: Limits = DEFAULT) -> list[Candidate]:
    """Everything at `root` that looks like FER2013."""
    files = files_at(root, limits)
    found = list(candidates(files, numbers))
    if isinstance(files, Directory) and all(candidate.rank > FOLDERS for candidate in found):
        archives = [name for name in files.names if name.lower().endswith(ARCHIVES)]
        packed = [candidate for name in archives for candidate in candidates(files_at(root / name, limits), numbers)]
        unpacked = min((candidate.rank for candidate in found), default=UNFIT + 1)
        found += [candidate for candidate in packed if candidate.rank < unpacked]
    return found


def choose(root: Path, found: list[Candidate]) -> list[Candidate]:
    """Those of the best rank. Raises UserError where two of them fill the same role."""
    if not found:
        raise NothingFound(f"{root}: no csv with emotion and pixels, no folder per emotion; ", *HOW_TO_GET)
    best = [candidate for candidate in found if candidate.rank == min(other.rank for other in found)]
    filling = Counter(role for candidate in best for role in candidate.roles)
    rivals = [candidate.where for candidate in best if any(filling[role] > 1 for role in candidate.roles)]
    if rivals:
        setting = Setting("data.root", ("PATH", "…"))
        raise UserError(f"{root}: several data sets ({', '.join(rivals)}); name what to read with ", setting)
    return best


def candidates(files: Files, numbers: Numbers | None = None) -> Iterator[Candidate]:
    """Every known layout among `files`, archives in them unopened."""
    for name in files.names:
        if name.lower().endswith(".csv"):
            yield from csv_candidate(files, name)
    for base, names in emotion_sets(files, numbers).items():
        where = files.path(base).rstrip("/")
        roles = {place.role for place in places_of(files, names).values()}
        read = partial(read_folders, files, names, numbers=numbers)
        yield Candidate(FOLDERS, where, filled(roles), read, f"not used: {where}")


def csv_candidate(files: Files, name: str) -> Iterator[Candidate]:
    """The csv as FER2013, or as something close to it that cannot be read; nothing for any other csv."""
    lines = islice(files.lines(name), BLANK_LINES)
    header = next((line for line in lines if line.strip()), b"")
    columns, where, stem = split_header(header), files.path(name), stem_of(name).lower()
    if {"emotion", "pixels"} <= set(columns):
        rank = FER2013_CSV if stem == "fer2013" else OTHER_CSV
        if "usage" not in columns:
            rank = CSV_WITHOUT_USAGE
        roles = {CSV_ROLES.get(stem, -1)}
        yield Candidate(rank, where, filled(roles), partial(read_csv, files, name), f"not used: {where}")
    elif {"image name", "nf"} <= set(columns):
        yield unfit(where, "FER+ votes without pixels; put fer2013.csv beside it")
    elif "pixels" in columns:
        lack = "pixels without emotion labels serve prediction only"
        yield unfit(where, f"{lack}; add train.csv or fer2013.csv", unread=f"{where}: {lack}")
    elif "emotion" in columns or stem == "fer2013" or isinstance(files, SingleFile):
        rank = UNFIT if stem != "fer2013" and not isinstance(files, SingleFile) else FER2013_CSV
        fix = "correct the header or name another file"
        yield unfit(where, f"columns {', '.join(columns)[:200] or 'missing'}; expected {COLUMNS}: {fix}", rank)


def filled(roles: set[int]) -> frozenset[int]:
    """Returns the roles that a data set fills: all of them where it has faces without a role."""
    return frozenset(roles if min(roles) >= 0 else range(len(USAGES)))


def unfit(where: str, complaint: str, rank: int = UNFIT, unread: str = "") -> Candidate:
    def read(on_bad_row: str) -> Faces:
        raise UserError(f"{where}: {complaint}")

    return Candidate(rank, where, frozenset(), read, unread)


def rows_of(files: Files, name: str) -> Iterator[tuple[int, bytes]]:
    """(line number from 1, text) of the lines that are not blank."""
    return ((number, text) for number, text in enumerate(files.lines(name), start=1) if text.strip())


def split_header(line: bytes) -> list[str]:
    """Names of the columns in lower case; quotes, blanks and a byte order mark do not count."""
    return [field.strip(' "\r\n\t').lower() for field in line.decode("utf-8-sig", "replace").strip().split(",")]


class BadRow(ValueError):
    """A row that cannot be used; the message completes "FILE, line N: …"."""


def read_csv(files: Files, name: str, on_bad_row: str = "error") -> Faces:
    """One csv of FER2013, any order of its columns, with or without Usage. Blank lines are no rows.

    Raises UserError for a row that cannot be used, unless `on_bad_row` is "skip".
    """
    where, stem = files.path(name), stem_of(name).lower()
    rows = rows_of(files, name)
    columns = split_header(next(rows)[1])
    pixels, kept, bad = bytearray(), [], 0
    for number, (line, text) in enumerate(rows):
        try:
            image, label, usage = parse_row(text, columns)
            pixels += image
            kept.append((label, usage, f"{USAGES[usage] if usage >= 0 else stem}_{number}"))
        except BadRow as error:
            if on_bad_row != "skip":
                fix = "correct the row, or drop such rows with data.on_bad_row=skip"
                raise UserError(f"{where}, line {line}: {error}; {fix}") from None
            bad += 1
    if not kept:
        raise UserError(f"{where}: no usable row below the header ({bad} bad ones); fetch the file again")
    labels, usages, ids = zip(*kept, strict=True)
    return Faces(
        images=np.frombuffer(pixels, np.uint8).reshape(-1, SIZE, SIZE),
        labels=np.array(labels, dtype=np.int64),
        usage=np.array(usages, dtype=np.int8),
        folder=np.full(len(kept), CSV_ROLES.get(stem, -1), dtype=np.int8),
        ids=np.array(ids),
        classes=EMOTIONS,
        layout=f"{posixpath.basename(name)} ({', '.join(columns)})",
        sources=(where,),
        notes=(f"{where}: {bad} bad rows skipped",) if bad else (),
    )


def parse_row(text: bytes, columns: list[str]) -> tuple[bytes, int, int]:
    """One line as 2304 pixels of a byte each, emotion code, index of the Usage (-1 without)."""
    if len(text) > LINE:
        raise BadRow(f"a line of more than {LINE:,} bytes, expected {SIZE * SIZE} pixels ({SIZE}×{SIZE})")
    fields = text.split(b",")
    if len(fields) != len(columns):
        raise BadRow(f"{len(fields)} fields, expected {len(columns)} ({', '.join(columns)})")
    row = dict(zip(columns, (field.strip(b' "\r\n\t') for field in fields), strict=True))
    return parse_pixels(row["pixels"]), parse_emotion(row["emotion"]), parse_usage(row.get("usage"))


def parse_pixels(text: bytes) -> bytes:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # what older numpy gives where newer raises ValueError
            values = np.fromstring(text, dtype=np.int64, sep=" ")  # the fastest exact way; int32 would wrap around
    except (ValueError, DeprecationWarning):
        odd = next((word for word in text.split() if not word.isdigit()), b"?")
        raise BadRow(f"'{shown(odd)}' among the pixels, expected numbers from 0 to 255") from None
    if values.size != SIZE * SIZE:
        raise BadRow(f"{values.size} pixels, expected {SIZE * SIZE} ({SIZE}×{SIZE})")
    if (values & ~255).any():
        raise BadRow(f"pixel value {values[(values & ~255) != 0][0]}, expected 0 to 255")
    return values.astype(np.uint8).tobytes()


def parse_emotion(text: bytes) -> int:
    if not text.isdigit() or int(text) >= len(EMOTIONS):
        codes = ", ".join(f"{code} {name}" for code, name in enumerate(EMOTIONS))
        raise BadRow(f"emotion '{shown(text)}', expected one of {codes}")
    return int(text)


def parse_usage(text: bytes | None) -> int:
    if text is None:
        return -1
    try:
        return USAGES.index(text.decode())
    except ValueError:
        raise BadRow(f"Usage '{shown(text)}', expected {', '.join(USAGES)}") from None


def shown(text: bytes) -> str:
    return text[:20].decode(errors="replace")
