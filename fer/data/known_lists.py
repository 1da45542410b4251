"""Recognises public data sets whose labels stand in a list, or in the names of the pictures."""

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import yaml

from fer.data.class_numbers import KNOWN, Numbers
from fer.data.decoding import Box
from fer.data.emotions import emotion_of
from fer.data.ferplus import majority, without_outliers
from fer.data.files import Files
from fer.data.label_files import box_of, read_rows
from fer.data.listings import Entry, Listing, PictureIndex, entry_of
from fer.data.name_patterns import pattern_of
from fer.data.places import ROLES, image_names, stem_of
from fer.data.reading import brief
from fer.errors import UserError

ORIGINAL_CKPLUS = dict(enumerate(("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")))
"""Codes of the original CK+ (Lucey et al. 2010), others than in its csv."""
FERPLUS_FOLDERS = {"fer2013train": 0, "fer2013valid": 1, "fer2013test": 2}
FERPLUS_ORDER = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")
FERPLUS_FIELDS = 12  # name, box, ten votes


def known_lists(files: Files) -> Iterator[Listing]:
    """Yields the public data sets among `files` that have a list."""
    for read in (ferplus_output, rafdb, expw, affectnet, affectnet_annotations, original_ckplus, yolo):
        listing = read(files)
        if listing is not None:
            yield listing


def named_pictures(files: Files) -> Listing | None:
    """Returns the pictures as labelled by their own names (JAFFE, KDEF, …); None for other names."""
    names = image_names(files)
    pattern = pattern_of(names)
    if pattern is None or not pattern.labels:
        return None
    entries = []
    for name in names:
        match = pattern.name.fullmatch(stem_of(name))
        if match:
            person = f"{pattern.data_set} {match['person'].upper()}"
            entries.append(entry_of(name, pattern.labels[match["label"].upper()], person=person))
    note = f"{files.root}: expressions and persons by the names of the pictures, as in {pattern.data_set}"
    return Listing(files, str(files.root), f"pictures named as in {pattern.data_set}", entries, (note,))


def named(files: Files, name: str) -> list[str]:
    """Returns the files of this name in any folder; `name` is a regular expression in lower case."""
    return [path for path in files.names if re.fullmatch(name, path.rpartition("/")[2].lower())]


def ferplus_output(files: Files) -> Listing | None:
    """FER+ as its script writes it: `FER2013Train/fer0000000.png` and `FER2013Train/label.csv`.

    Labels are the majority of the votes, see `fer.data.ferplus`; other pictures are left out.
    """
    tables = [path for path in named(files, r"label\.csv") if _folder(path).lower() in FERPLUS_FOLDERS]
    entries: list[Entry] = []
    for path in tables:
        first, rest = read_rows(files, path)
        folder, role = path.rpartition("/")[0], FERPLUS_FOLDERS[_folder(path).lower()]
        existing = set(files.names)
        for line, row in [(1, first), *rest]:
            if len(row) != FERPLUS_FIELDS or not all(vote.isdigit() for vote in row[2:]):
                raise UserError(
                    f"{files.path(path)}, line {line}: expected a name, a box and ten votes; write it again"
                )
            if f"{folder}/{row[0]}" in existing:
                votes = without_outliers(np.array([row[2:]], dtype=np.int64))
                winner = int(majority(votes)[0])
                label = FERPLUS_ORDER[winner] if 0 <= winner < len(FERPLUS_ORDER) else None
                entries.append(entry_of(f"{folder}/{row[0]}", label, box_of(row, row[1], ()), role=role))
    return _listing(files, tables, "FER+ pictures and votes", entries, "labels by the majority of FER+ votes")


def _folder(path: str) -> str:
    return path.rpartition("/")[0].rpartition("/")[2]


def rafdb(files: Files) -> Listing | None:
    """RAF-DB: `list_patition_label.txt` with rows such as `train_00001.jpg 5`; aligned pictures where there are any."""
    tables = named(files, r"list_par?tition_label\.txt")
    pictures = {stem_of(name): name for name in image_names(files)}
    entries = []
    for path in tables:
        first, rest = read_rows(files, path)
        for _, row in [(1, first), *rest]:
            stem = stem_of(row[0])
            picture = pictures.get(f"{stem}_aligned") or pictures.get(stem)
            if picture and len(row) == 2:
                role = ROLES.get(stem.partition("_")[0], -1)
                entries.append(entry_of(picture, _emotion(row[1], KNOWN["rafdb"]), role=role))
    return _listing(files, tables, "RAF-DB", entries, "labels with RAF-DB's codes")


def expw(files: Files) -> Listing | None:
    """ExpW: `label.lst` with picture, number of the face, top, left, right, bottom, confidence and label in a row."""
    tables = named(files, r"label\.lst")
    index = PictureIndex(files)
    entries = []
    for path in tables:
        first, rest = read_rows(files, path)
        for _, row in [(1, first), *rest]:
            picture = index.find(row[0])
            if picture and len(row) == 8:
                top, left, right, bottom = map(float, row[2:6])
                label = _emotion(row[7], KNOWN["fer2013"])
                entries.append(entry_of(picture, label, Box(left, top, right, bottom)))
    return _listing(files, tables, "ExpW", entries, "faces cut out, with the codes of FER2013")


def affectnet(files: Files) -> Listing | None:
    """AffectNet's csv: `subDirectory_filePath, face_x, face_y, face_width, face_height, …, expression, …`.

    Pictures that are listed in training.csv train, those of validation.csv are held out.
    """
    tables, entries = [], []
    index: PictureIndex | None = None
    for path in named(files, r".*\.csv"):
        header = next(files.lines(path), b"")[:2000].lower()
        if b"subdirectory_filepath" not in header or b"expression" not in header:
            continue
        tables.append(path)
        index = index or PictureIndex(files)
        names, rows = read_rows(files, path)
        columns = [name.lower() for name in names]
        role = ROLES.get(stem_of(path).lower(), -1)
        for _, row in rows:
            picture = index.find(row[columns.index("subdirectory_filepath")]) if len(row) == len(columns) else None
            if picture:
                label = _emotion(row[columns.index("expression")], KNOWN["affectnet"])
                box = box_of(row, None, columns) if label else None  # no face has the box NULL
                entries.append(entry_of(picture, label, box, role=role))
    return _listing(files, tables, "AffectNet", entries, "faces cut out, with AffectNet's codes")


def affectnet_annotations(files: Files) -> Listing | None:
    """AffectNet of 2021: `train_set/images/0.jpg` with `train_set/annotations/0_exp.npy`, a number in each."""
    tables = [path for path in named(files, r"\d+_exp\.npy") if _folder(path) == "annotations"]
    pictures = {name.rpartition(".")[0]: name for name in image_names(files)}
    entries = []
    for path, content in files.read(tables):
        top = path.rpartition("annotations/")[0]
        picture = pictures.get(f"{top}images/{stem_of(path).removesuffix('_exp')}")
        if picture:
            role = ROLES.get(_folder(f"{top}x").removesuffix("_set"), -1)
            entries.append(entry_of(picture, _emotion(_last_number(content), KNOWN["affectnet"]), role=role))
    return _listing(files, tables, "AffectNet", entries, "labels from annotations with AffectNet's codes")


def _last_number(content: bytes) -> str:
    """Returns the number in a .npy file, a text or an integer of any width, without loading it through pickle."""
    header, _, data = content.partition(b"\n")
    text = data.replace(b"\0", b"").decode("ascii", "replace")
    if b"'<i8'" in header or b"'<i4'" in header:
        return str(int.from_bytes(data, "little"))
    return text


def original_ckplus(files: Files) -> Listing | None:
    """CK+ as its authors give it: `S005_001_00000011.png`, and `S005_001_00000011_emotion.txt` for the last picture of
    a sequence that has a label."""
    tables = named(files, r"s\d{3}_\d{3}_\d{8}_emotion\.txt")
    pictures = {stem_of(name).lower(): name for name in image_names(files)}
    entries = []
    for path, content in files.read(tables):
        stem = stem_of(path).lower().removesuffix("_emotion")
        if stem in pictures:
            label = _emotion(content.decode("ascii", "replace"), ORIGINAL_CKPLUS)
            entries.append(entry_of(pictures[stem], label, person=f"CK+ {stem.partition('_')[0].upper()}"))
    return _listing(files, tables, "CK+", entries, "the last picture of each sequence")


def yolo(files: Files) -> Listing | None:
    """Pictures with boxes as YOLO has them: `train/images/x.jpg`, `train/labels/x.txt` with rows such as
    `5 0.5 0.5 1 1`, and data.yaml with the names of the classes, some of them emotions."""
    settings = named(files, r"(data|dataset|affectnet\w*)\.ya?ml")
    tables = [path for path in files.names if path.endswith(".txt") and "labels" in path.split("/")[:-1]]
    classes = _yolo_names(files, settings[0]) if settings and tables else {}
    if not any(map(emotion_of, classes.values())):
        return None
    pictures = {name.rpartition(".")[0]: name for name in image_names(files)}
    entries = []
    for path, content in files.read(tables):
        above, _, below = path.removesuffix(".txt").rpartition("labels/")
        picture = pictures.get(f"{above}images/{below}")
        if picture is None:
            continue
        for line in content.decode("utf-8", "replace").splitlines():
            row = line.split()
            if len(row) < 5 or row[0] not in classes:
                raise UserError(f"{files.path(path)}: '{line[:40]}' is no class of {settings[0]} with a box")
            x, y, width, height = map(float, row[1:5])
            box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2, fractions=True)
            entries.append(entry_of(picture, classes[row[0]], box))
    return _listing(files, tables, "pictures with boxes (YOLO)", entries, f"classes and boxes as in {settings[0]}")


def _yolo_names(files: Files, path: str) -> dict[str, str]:
    """Returns number -> name of the classes; {} for a file without them. Raises UserError for no YAML."""
    _, content = next(iter(files.read([path])))
    try:
        settings: Any = yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise UserError(f"{files.path(path)}: not YAML ({brief(error)}); correct it or remove it") from error
    names = settings.get("names") if isinstance(settings, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    return {str(number): str(name) for number, name in names.items()} if isinstance(names, dict) else {}


def _emotion(code: str, numbers: Numbers) -> str | None:
    """Returns the emotion of a code such as `3` or `3.0`, or None for one without an emotion."""
    try:
        return numbers.get(int(float(code)))
    except ValueError:
        return None


def _listing(files: Files, tables: list[str], layout: str, entries: list[Entry], how: str) -> Listing | None:
    """Returns the entries as a listing; None where there is no list or no picture of it."""
    if not tables or not entries:
        return None
    where = files.path(tables[0]) if len(tables) == 1 else files.path(_common_folder(tables)).rstrip("/")
    return Listing(files, where, layout, entries, (f"{where}: read as {layout}, {how}",))


def _common_folder(paths: list[str]) -> str:
    folders = [path.split("/")[:-1] for path in paths]
    common = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "/".join(common)
