"""Reads your own pictures, `data=folder`: in a folder per class, or with their labels in a table."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from fer.data.csv_format import SUFFIXES as TABLES
from fer.data.faces import Faces, concatenate
from fer.data.files import Files, SingleFile, files_at
from fer.data.folders import classes_of_folders, read_folders
from fer.data.known_lists import known_lists, named_pictures
from fer.data.label_files import read_label_file
from fer.data.labelling import Labelling
from fer.data.listings import Listing, read_listing
from fer.data.parquet import read_tables, tables_of
from fer.data.places import emotion_sets, image_names, places_of, suffixes_of
from fer.data.reading import DEFAULT, Limits
from fer.data.unread import advice
from fer.errors import UserError
from fer.pictures import SUFFIXES


def read_own(
    roots: Sequence[Path], on_bad_row: str = "error", labelling: Labelling | None = None, limits: Limits = DEFAULT
) -> Faces:
    """Reads your own pictures below `roots`, directories or archives.

    Classes are those of `labelling.file` or, without it, the names of folders, in any case; sorted. Numbers are classes
    of that name unless `labelling.numbers` says what they stand for. Public data sets with a list, with expressions in
    the names of pictures, and Parquet files are read as such. Raises UserError where no picture lies in a folder, and
    as `read_folders` does.
    """
    labelling = labelling or Labelling()
    everything = [files_at(root, limits) for root in roots]
    spellings: dict[str, str] = {}
    for files in everything:
        _collect_classes(files, labelling, spellings)
    folders = tuple(spellings[key] for key in sorted(spellings))
    return united([_read(files, folders, on_bad_row, labelling) for files in everything])


def _listing(files: Files, labelling: Labelling, on_bad_row: str) -> Listing | None:
    """Returns the table that the user names, or that of a public data set; None for class folders."""
    if labelling.file:
        return read_label_file(files, labelling.file, labelling.columns, on_bad_row)
    known = next(known_lists(files), None)
    return known or (None if emotion_sets(files, {}) else named_pictures(files))


def _collect_classes(files: Files, labelling: Labelling, spellings: dict[str, str]) -> None:
    """Adds the classes of the folders in `files` to `spellings`, case-folded name -> name as first met."""
    if labelling.file:
        return
    places = places_of(files, image_names(files))
    class_of = classes_of_folders(files, places, labelling.numbers, labelling.names, own=True)
    for place in places.values():
        name = class_of[place.label]
        if name is not None:
            spellings.setdefault(name.casefold(), name)


def _read(files: Files, classes: tuple[str, ...], on_bad_row: str, labelling: Labelling) -> Faces:
    numbers, names = labelling.numbers, labelling.names
    listing = _listing(files, labelling, on_bad_row)
    if listing is not None:
        return read_listing(listing, on_bad_row, numbers, names, own=bool(labelling.file))
    pictures = image_names(files)
    if places_of(files, pictures):
        return read_folders(files, pictures, on_bad_row, numbers, classes, names)
    tables = tables_of(files, labelling.columns)
    if tables:
        return read_tables(tables, on_bad_row, numbers, names, own=True)
    fix = "check data.root, make one folder per class, or name a table of pictures and labels with data.labels=FILE"
    if any(name.lower().endswith(TABLES) for name in files.names):
        fix += "; a csv of pixels is read with data=fer2013"
    if not pictures and advice(files) and not isinstance(files, SingleFile):
        raise UserError(advice(files))
    raise UserError(f"{files.root}: {_without_pictures(files)}; {fix}")


def united(parts: Sequence[Faces]) -> Faces:
    """Returns one record of parts with different classes, which are sorted then."""
    if len({part.classes for part in parts}) == 1:
        return concatenate(parts)
    classes = tuple(sorted({name for part in parts for name in part.classes}, key=str.casefold))
    return concatenate([_with_classes(part, classes) for part in parts])


def _with_classes(faces: Faces, classes: tuple[str, ...]) -> Faces:
    code = np.array([classes.index(name) for name in faces.classes])
    return replace(faces, labels=code[faces.labels], classes=classes)


def _without_pictures(files: Files) -> str:
    """Says what `files` holds in place of class folders with pictures."""
    if not files.names:
        return "no files"
    if image_names(files):
        return "pictures, but not in one folder per class"
    return f"no pictures ({' '.join(SUFFIXES)}), only other files ({suffixes_of(files.names)})"
