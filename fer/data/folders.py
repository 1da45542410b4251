"""Reads pictures from one folder per class, with or without train/validation/test folders above."""

import posixpath
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from fer.counting import counted
from fer.data.class_names import Renames, UnknownClass, key_of, rename_option
from fer.data.class_numbers import KNOWN, Numbers, emotions_in, listed, number_of, translated
from fer.data.decoding import decode_faces
from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.data.face_crops import NOTE as NO_FACE
from fer.data.faces import Faces
from fer.data.files import Files
from fer.data.name_patterns import is_rafdb, persons_of
from fer.data.places import Place, id_of, other_files, places_of, usage_of
from fer.errors import Setting, UserError


class NothingFound(UserError):
    """The place exists but holds nothing that can be read as faces."""


def read_folders(
    files: Files,
    pictures: Sequence[str],
    on_bad_row: str = "error",
    numbers: Numbers | None = None,
    classes: tuple[str, ...] | None = None,
    names: Renames | None = None,
) -> Faces:
    """Reads pictures, labelled by the folders around them.

    Classes are FER2013's in its order, with contempt where some pictures show it, or `classes`, compared without case.
    numbers: what class folders that are numbers stand for. names: what class folders are called instead. Roles are
    those of the folders above; the official ones are read off file names such as `PublicTest_123.jpg`, or off folders
    so called. Raises UserError for an unknown class folder, a number without a mapping or, unless `on_bad_row` is
    "skip", a picture that is unreadable or has more than `files.limits.pixels` pixels. Notes say how many pictures and
    other files were not used.
    """
    places = places_of(files, pictures)
    bases = {place.base for place in places.values()}
    outside = len(pictures) - len(places)
    class_of = classes_of_folders(files, places, numbers, names, own=classes is not None)
    unwanted = Counter(place.label for place in places.values() if class_of[place.label] is None)
    places = {name: place for name, place in places.items() if class_of[place.label]}
    classes = classes or (WITH_CONTEMPT if "contempt" in class_of.values() else EMOTIONS)
    codes = {name.casefold(): code for code, name in enumerate(classes)}
    images, rows, faceless = decode_faces(files, list(places), on_bad_row)
    order = list(places)
    kept = [order[row] for row in rows]
    bad = len(places) - len(kept) - faceless
    if not kept:
        problem = f"no readable picture in the class folders ({bad} unreadable, {faceless} without a face)"
        raise UserError(f"{files.root}: {problem}; check ", Setting("data.root"))
    notes = []
    if bad:
        notes.append(f"{files.root}: {counted(bad, 'unreadable picture')} skipped")
    if faceless:
        notes.append(f"{files.root}: {counted(faceless, 'picture')} {NO_FACE}")
    if outside:
        notes.append(f"{files.root}: {counted(outside, 'picture')} outside of the class folders not used")
    notes += other_files(files, bases)
    if unwanted:
        option = "labels.rename says" if names else "labels.numbers says"
        notes.append(f"{files.root}: {counted(unwanted.total(), 'picture')} of {listed(unwanted)} left out as {option}")
    by_rafdb = numbers is None and classes in (EMOTIONS, WITH_CONTEMPT) and is_rafdb(kept)
    if by_rafdb:
        notes.append(f"{files.root}: folders numbered as in RAF-DB, which the names of the pictures show")
    return Faces(
        images=images,
        labels=np.array([codes[_key(class_of[places[name].label])] for name in kept], dtype=np.int64),
        usage=np.array([usage_of(name, places[name]) for name in kept], dtype=np.int8),
        folder=np.array([places[name].role for name in kept], dtype=np.int8),
        ids=np.array([id_of(name) for name in kept], dtype=str),
        classes=classes,
        layout="class folders of RAF-DB" if by_rafdb else "class folders",
        sources=(files.path(places[kept[0]].base).rstrip("/"),),
        notes=tuple(notes),
        persons=_persons(kept, places),
    )


def _persons(names: Sequence[str], places: Mapping[str, Place]) -> np.ndarray | None:
    """Returns the person in each picture by its name or else by the folders, (N,) str; None where neither says it."""
    if any(places[name].person for name in names):
        return np.array([places[name].person.upper() for name in names])
    return persons_of(names)


def _key(name: str | None) -> str:
    return (name or "").casefold()


def classes_of_folders(
    files: Files,
    places: Mapping[str, Place],
    numbers: Numbers | None = None,
    names: Renames | None = None,
    own: bool = False,
) -> dict[str, str | None]:
    """Returns the class of each class folder, or None where `numbers` or `names` leave it out.

    own: folders are classes of their name, not emotions. Raises UserError for a folder that is no emotion.
    """
    folders = {place.label for place in places.values()}
    if own:
        return own_classes(folders, numbers, names, str(files.root))
    if numbers is None and is_rafdb(list(places)):
        numbers = {number: name for number, name in KNOWN["rafdb"].items() if number in map(number_of, folders)}
    classes = emotions_in(folders, numbers, str(files.root), names)
    unknown = Counter(posixpath.dirname(name) for name, place in places.items() if place.label not in classes)
    if unknown:
        shown = ", ".join(
            f"{files.path(folder)} ({counted(count, 'picture')})" for folder, count in unknown.most_common(3)
        )
        labels = sorted({place.label for place in places.values()} - set(classes))
        raise UnknownClass(
            f"unknown class folder: {shown}; type {rename_option(labels[:8])} (null leaves a class out), or train on "
            "your own classes with data=folder"
        )
    return classes


def own_classes(
    labels: set[str], numbers: Numbers | None, names: Renames | None, where: str, kind: str = "class folders"
) -> dict[str, str | None]:
    """Returns the class of each label: what `names` or `numbers` say, otherwise the label itself."""
    renamed = {label: names[key_of(label)] for label in labels if key_of(label) in names} if names else {}
    if numbers is None:
        return {label: label for label in labels} | renamed
    by_number = {label: number for label in labels - set(renamed) if (number := number_of(label)) is not None}
    return {label: label for label in labels} | translated(by_number, numbers, where, kind) | renamed
