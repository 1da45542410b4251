"""Reads pictures whose labels stand in a list or in their names."""

import posixpath
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fer.counting import counted
from fer.data.class_names import Renames, require_known
from fer.data.class_numbers import Numbers, emotions_in, listed
from fer.data.decoding import Box, decode_faces
from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.data.face_crops import NOTE as NO_FACE
from fer.data.faces import Faces
from fer.data.files import Files
from fer.data.folders import own_classes
from fer.data.places import id_of, image_names, place_of, usage_of
from fer.errors import Setting, UserError
from fer.pictures import SUFFIXES


class Entry(NamedTuple):
    """One face of a list."""

    picture: str  # its name among the files
    label: str | None  # as the list has it; None for one that is left out, "" for a face without a label
    box: Box | None = None
    usage: int = -1
    role: int = -1
    person: str = ""


UNLABELLED = -1
"""The code of a face without a label."""


class Listing(NamedTuple):
    """The faces that a list, or the names of pictures, label."""

    files: Files
    where: str  # the list in messages
    layout: str
    entries: Sequence[Entry]
    notes: tuple[str, ...] = ()

    def roles(self) -> set[int]:
        return {entry.role for entry in self.entries}


class PictureIndex:
    """Finds the pictures that a list names, wherever the list was written."""

    def __init__(self, files: Files):
        self.by_stem: dict[str, list[str]] = defaultdict(list)
        for name in image_names(files):
            self.by_stem[_stem(name)].append(name)

    def find(self, path: str) -> str | None:
        """Returns the picture that a list calls `path`, None without one.

        One of both paths has to end like the other, in any case; backslashes count as slashes, and the list may leave
        suffixes out. Raises UserError where several pictures fit equally well.
        """
        path = path.strip().replace("\\", "/").removeprefix("./").strip("/")
        fits = [(fit, name) for name in self.by_stem.get(_stem(path), []) if (fit := _fit(name, path))]
        if not fits:
            return None
        ranked = sorted(fits, reverse=True)
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise UserError(
                f"'{path[:80]}' may be {ranked[0][1]} or {ranked[1][1]}; write more of the path into the list"
            )
        return ranked[0][1]


def _stem(name: str) -> str:
    """Returns the name of a file without folders and without the suffix of a picture, case-folded."""
    stem, suffix = posixpath.splitext(posixpath.basename(name).casefold())
    return stem if suffix in SUFFIXES else stem + suffix


def _fit(name: str, path: str) -> tuple[int, bool] | None:
    """Returns how many parts two paths of one stem have in common from their end, and whether suffixes agree.

    None unless one path ends like the other.
    """
    ours, theirs = (text.casefold().split("/") for text in (name, path))
    common = min(len(ours), len(theirs))
    if ours[len(ours) - common : -1] != theirs[len(theirs) - common : -1]:
        return None
    return common, ours[-1] == theirs[-1]


def read_listing(
    listing: Listing,
    on_bad_row: str = "error",
    numbers: Numbers | None = None,
    names: Renames | None = None,
    own: bool = False,
) -> Faces:
    """Reads the faces of a list. With `own`, classes are the labels themselves, sorted; otherwise FER2013's emotions.

    numbers, names: the options `labels.numbers` and `labels.rename`. Raises UserError for labels that are no emotions
    and, unless `on_bad_row` is "skip", for pictures that cannot be read.
    """
    labels = Counter(entry.label for entry in listing.entries if entry.label)
    if own:
        by_label = own_classes(set(labels), numbers, names, listing.where, "labels")
    else:
        by_label = emotions_in(labels, numbers, listing.where, names, "labels")
        require_known(labels, by_label, listing.where)
    class_of: dict[str | None, str | None] = {None: None, **by_label, "": ""}
    chosen = [entry for entry in listing.entries if entry.label == "" or class_of[entry.label] is not None]
    classes = sorted_classes(class_of[entry.label] for entry in chosen) if own else emotion_classes(class_of.values())
    codes: dict[str | None, int] = {**{name: code for code, name in enumerate(classes)}, "": UNLABELLED}
    images, rows, faceless = decode_faces(
        listing.files, [entry.picture for entry in chosen], on_bad_row, [entry.box for entry in chosen]
    )
    if not rows:
        problem = f"no readable picture with a label ({faceless} without a face)"
        raise UserError(f"{listing.where}: {problem}; check ", Setting("data.root"))
    kept = [chosen[row] for row in rows]
    persons = np.array([entry.person for entry in kept], dtype=str)
    return Faces(
        images=images,
        labels=np.array([codes[class_of[entry.label]] for entry in kept], dtype=np.int64),
        usage=np.array([entry.usage for entry in kept], dtype=np.int8),
        folder=np.array([entry.role for entry in kept], dtype=np.int8),
        ids=np.array([id_of(entry.picture) for entry in kept], dtype=str),
        classes=classes,
        layout=listing.layout,
        sources=(str(listing.files.root),),
        notes=(*listing.notes, *_notes(listing, chosen, kept, class_of, faceless)),
        persons=persons if any(persons) else None,
    )


def sorted_classes(names: Iterable[str | None]) -> tuple[str, ...]:
    """Returns the different names in order, whatever their case."""
    different = {name for name in names if name is not None}
    return tuple(sorted(different, key=lambda name: (name.casefold(), name)))


def emotion_classes(names: Iterable[str | None]) -> tuple[str, ...]:
    return WITH_CONTEMPT if "contempt" in names else EMOTIONS


def _notes(
    listing: Listing,
    chosen: Sequence[Entry],
    kept: Sequence[Entry],
    class_of: Mapping[str | None, str | None],
    faceless: int,
) -> list[str]:
    notes = [f"{listing.where}: {counted(faceless, 'picture')} {NO_FACE}"] if faceless else []
    unread = len(chosen) - len(kept) - faceless
    if unread:
        notes.append(f"{listing.where}: {counted(unread, 'unreadable picture')} skipped")
    unlabelled = sum(entry.label == "" for entry in listing.entries)
    if unlabelled:
        notes.append(
            f"{listing.where}: {counted(unlabelled, 'face')} without a label, which only labels.votes=soft may use"
        )
    left_out = Counter(entry.label for entry in listing.entries if class_of[entry.label] is None)
    if left_out:
        named = listed([label for label in left_out if label])
        notes.append(f"{listing.where}: {counted(left_out.total(), 'face')} left out{f' ({named})' if named else ''}")
    unlisted = len(image_names(listing.files)) - len({entry.picture for entry in listing.entries})
    if unlisted > 0:
        notes.append(f"{listing.where}: {counted(unlisted, 'picture')} beside it without a label not used")
    return notes


def entry_of(
    picture: str, label: str | None, box: Box | None = None, person: str = "", role: int | None = None
) -> Entry:
    """Returns an entry with the roles that the picture's own name and folders say, unless `role` is given."""
    place = place_of(picture)
    return Entry(picture, label, box, usage_of(picture, place), place.role if role is None else role, person)
