"""Reads pictures from one folder per class, with or without train/validation/test folders above."""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich import get_console
from rich.progress import track

from fer.data.class_numbers import Numbers, emotions_in, listed, may_be_emotion, number_of, translated
from fer.data.emotions import EMOTIONS, USAGES, WITH_CONTEMPT
from fer.data.faces import SIZE, Faces, concatenate
from fer.data.files import Files, files_at
from fer.data.reading import ARCHIVES, DEFAULT, Limits
from fer.errors import Setting, UserError
from fer.filenames import spelled
from fer.pictures import SUFFIXES, TooLarge, Unreadable, decode
from fer.preprocess import to_face
from fer.streams import printable

ROLES = {
    **dict.fromkeys(("train", "training"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev", "publictest"), 1),
    **dict.fromkeys(("test", "testing", "privatetest"), 2),
}
OFFICIAL = {name.casefold(): usage for usage, name in enumerate(USAGES)}
OFFICIAL_NAME = re.compile(rf"({'|'.join(USAGES)})_\d+")
MANY = 2000  # pictures from which on a progress bar is worth its line


class NothingFound(UserError):
    """The place exists but holds nothing that can be read as faces."""


@dataclass(frozen=True)
class Place:
    """Where a picture lies: `base/part/…/label/picture`; part or label may be missing."""

    base: str
    part: str  # the nearest folder above called train, validation, test or the like; "" without
    label: str  # the folder around the picture as `fer.filenames` spells it, unless it is that part

    @property
    def role(self) -> int:
        """0 train, 1 validation, 2 test, -1 unknown."""
        return ROLES.get(self.part.casefold(), -1)


def place_of(name: str) -> Place:
    folders = name.removeprefix("./").split("/")[:-1]
    label = spelled(folders.pop()) if folders and folders[-1].casefold() not in ROLES else ""
    roles = (index for index, folder in enumerate(folders) if folder.casefold() in ROLES)
    part = max(roles, default=len(folders))
    return Place("/".join(folders[:part]), "".join(folders[part : part + 1]), label)


def image_names(files: Files) -> list[str]:
    return [name for name in files.names if name.lower().endswith(SUFFIXES)]


def places_of(files: Files, names: Iterable[str]) -> dict[str, Place]:
    """Returns the places of those pictures among `names` that lie in class folders.

    Where some lie below train, validation or test, pictures elsewhere are left out. Where none does, the name of the
    directory or archive itself may be such a role.
    """
    places = {name: place for name in names if (place := place_of(name)).label}
    if any(place.part for place in places.values()):
        return {name: place for name, place in places.items() if place.part}
    part = root_name(files.root) if root_name(files.root).casefold() in ROLES else ""
    return {name: replace(place, part=part) for name, place in places.items()} if part else places


def root_name(root: Path) -> str:
    name = root.absolute().name
    return next((name[: -len(suffix)] for suffix in ARCHIVES if name.lower().endswith(suffix)), name)


def emotion_sets(files: Files, numbers: Numbers | None = None) -> dict[str, list[str]]:
    """Returns the data sets of `files`: base folder -> its pictures, some of them in a folder named after an emotion.

    Numbers in `numbers` count as emotions; without it, all numbers that a known data set uses.
    """
    sets, labels = defaultdict(list), defaultdict(set)
    for name in image_names(files):
        place = place_of(name)
        sets[place.base].append(name)
        labels[place.base].add(place.label)
    return {base: names for base, names in sets.items() if _any_emotion(labels[base], numbers)}


def _any_emotion(labels: Iterable[str], numbers: Numbers | None) -> bool:
    return any(may_be_emotion(label, numbers) for label in labels)


def read_folders(
    files: Files,
    names: Sequence[str],
    on_bad_row: str = "error",
    numbers: Numbers | None = None,
    classes: tuple[str, ...] | None = None,
) -> Faces:
    """Reads the pictures `names`, labelled by the folders around them.

    Classes are FER2013's in its order, with contempt where some pictures show it, or `classes`, compared without case.
    numbers: what class folders that are numbers stand for. Roles are those of the folders above; the official ones are
    read off file names such as `PublicTest_123.jpg`, or off folders so called. Raises UserError for an unknown class
    folder, a number without a mapping or, unless `on_bad_row` is "skip", a picture that is unreadable or has more than
    `files.limits.pixels` pixels. Notes say how many pictures and other files were not used.
    """
    places = places_of(files, names)
    bases = {place.base for place in places.values()}
    outside = len(names) - len(places)
    chosen = _classes(files, places, numbers, own=classes is not None)
    unwanted = Counter(place.label for place in places.values() if chosen[place.label] is None)
    places = {name: place for name, place in places.items() if chosen[place.label]}
    classes = classes or (WITH_CONTEMPT if "contempt" in chosen.values() else EMOTIONS)
    codes = {name.casefold(): code for code, name in enumerate(classes)}
    images, kept = _decode(files, places, on_bad_row, files.limits.pixels)
    bad = len(places) - len(kept)
    if not kept:
        problem = f"no readable picture in the class folders ({bad} unreadable)"
        raise UserError(f"{files.root}: {problem}; check ", Setting("data.root"))
    notes = []
    if bad:
        notes.append(f"{files.root}: {bad} unreadable pictures skipped")
    if outside:
        notes.append(f"{files.root}: {outside} pictures outside of the class folders not used")
    notes += other_files(files, bases)
    if unwanted:
        notes.append(f"{files.root}: {unwanted.total()} pictures of {listed(unwanted)} left out as labels.numbers says")
    return Faces(
        images=images,
        labels=np.array([codes[chosen[places[name].label].casefold()] for name in kept], dtype=np.int64),
        usage=np.array([_usage(name, places[name]) for name in kept], dtype=np.int8),
        folder=np.array([places[name].role for name in kept], dtype=np.int8),
        ids=np.array([_id(name) for name in kept], dtype=str),
        classes=classes,
        layout="class folders",
        sources=(files.path(places[kept[0]].base).rstrip("/"),),
        notes=tuple(notes),
    )


def other_files(files: Files, bases: Collection[str]) -> list[str]:
    """Returns a note with the number and suffixes of other files in class folders below `bases`; [] for none."""
    names = [name for name in files.names if not name.lower().endswith(SUFFIXES)]
    names = [name for name in names if place_of(name).label and place_of(name).base in bases]
    if not names:
        return []
    return [f"{files.root}: {len(names)} files left out, no pictures by their suffix: {suffixes_of(names)}"]


def suffixes_of(names: Iterable[str]) -> str:
    """Returns the number of files with each suffix, the most frequent first: ".heic 2, .txt 1"."""
    suffixes = Counter(posixpath.splitext(name)[1].lower() or "none" for name in names)
    return printable(", ".join(f"{suffix} {count}" for suffix, count in suffixes.most_common()))


def _decode(files: Files, names: Collection[str], on_bad_row: str, max_pixels: int) -> tuple[np.ndarray, list[str]]:
    """Returns the readable pictures among `names` as (N, 48, 48) uint8, and their names."""
    images, kept = np.empty((len(names), SIZE, SIZE), np.uint8), []
    quiet = len(names) < MANY or not get_console().is_terminal
    for name, data in track(files.read(names), f"reading {files.root}", len(names), transient=True, disable=quiet):
        try:
            images[len(kept)] = to_face(decode(data, files.path(name), max_pixels))
            kept.append(name)
        except Unreadable as error:
            if on_bad_row != "skip":
                fix = "replace or remove it, or drop such pictures with data.on_bad_row=skip"
                if isinstance(error, TooLarge):
                    fix = "shrink it, raise data.max_pixels, or drop such pictures with data.on_bad_row=skip"
                raise UserError(f"{error}; {fix}") from error
    return images[: len(kept)], kept


def _classes(
    files: Files, places: Mapping[str, Place], numbers: Numbers | None, own: bool = False
) -> dict[str, str | None]:
    """Returns the class of each class folder, or None where `numbers` leaves it out."""
    folders = {place.label for place in places.values()}
    if own and numbers is None:
        return {name: name for name in folders}
    if own:
        by_number = {name: number for name in folders if (number := number_of(name)) is not None}
        return {name: name for name in folders} | translated(by_number, numbers, str(files.root))
    classes = emotions_in(folders, numbers, str(files.root))
    unknown = Counter(posixpath.dirname(name) for name, place in places.items() if place.label not in classes)
    if unknown:
        named = ", ".join(f"{files.path(folder)} ({count} pictures)" for folder, count in unknown.most_common(5))
        raise UserError(
            f"unknown class folder: {named}; known: {', '.join(EMOTIONS)} and their usual aliases. "
            "Rename or remove it, or train on your own classes with data=folder"
        )
    return classes


def _usage(name: str, place: Place) -> int:
    """Returns the official role in the file's name, otherwise that of its folder; -1 for none."""
    match = OFFICIAL_NAME.fullmatch(stem_of(name))
    return OFFICIAL.get((match[1] if match else place.part).casefold(), -1)


def _id(name: str) -> str:
    name = spelled(name)
    return stem_of(name) if OFFICIAL_NAME.fullmatch(stem_of(name)) else posixpath.splitext(name)[0]


def stem_of(name: str) -> str:
    return posixpath.splitext(posixpath.basename(name))[0]


def _without_pictures(files: Files) -> str:
    """Says what `files` holds in place of class folders with pictures."""
    if not files.names:
        return "no files"
    if image_names(files):
        return "pictures, but not in one folder per class"
    return f"no pictures ({' '.join(SUFFIXES)}), only other files ({suffixes_of(files.names)})"


def read_own(
    roots: Sequence[Path], on_bad_row: str = "error", numbers: Numbers | None = None, limits: Limits = DEFAULT
) -> Faces:
    """Reads your own pictures below `roots`, directories or archives; names of folders, in any case, are the classes.

    numbers: what folders that are numbers stand for; without it they are classes of that name. Classes are sorted.
    Raises UserError where no picture lies in a folder, and as `read_folders` does.
    """
    everything = [files_at(root, limits) for root in roots]
    labels: dict[str, str] = {}
    for files in everything:
        places = places_of(files, image_names(files))
        if not places:
            remedy = ("; check ", Setting("data.root"), ", or make one folder per class")
            raise UserError(f"{files.root}: {_without_pictures(files)}", *remedy)
        chosen = _classes(files, places, numbers, own=True)
        for place in places.values():
            if name := chosen[place.label]:
                labels.setdefault(name.casefold(), name)
    classes = tuple(labels[key] for key in sorted(labels))
    return concatenate([read_folders(files, image_names(files), on_bad_row, numbers, classes) for files in everything])
