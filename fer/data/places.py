"""Where pictures lie: class folders, below train, validation and test folders or not."""

import posixpath
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from fer.counting import counted
from fer.data.class_names import Renames, foreign_emotion
from fer.data.class_numbers import Numbers, may_be_emotion
from fer.data.emotions import USAGES, emotion_of
from fer.data.files import Files
from fer.data.reading import ARCHIVES
from fer.filenames import spelled
from fer.pictures import SUFFIXES
from fer.streams import printable

ROLES = {
    **dict.fromkeys(("train", "training", "train_set", "training_set", "trainset", "train_data"), 0),
    **dict.fromkeys(("val", "valid", "validation", "dev", "publictest", "val_set", "valid_set", "validation_set"), 1),
    **dict.fromkeys(("test", "testing", "privatetest", "test_set", "testing_set", "testset", "test_data"), 2),
}
"""Folder, case-folded -> 0 train, 1 validation, 2 test."""
BESIDE = {*("data", "dataset", "set", "image", "images", "imgs", "pictures", "faces", "folder"), "fer", "fer2013"}
"""Words that may stand beside a role in the name of a folder, such as `Training Data` and `fer2013_test`."""
FOREIGN = 3
"""Emotions in another language that make a data set: "normal" alone may mean anything."""
PERSON = re.compile(r"(?:p|s|sub|subj|subject|person|participant|actor)[ _-]?\d{1,4}", re.IGNORECASE | re.ASCII)
"""Folders of one person, as in Oulu-CASIA: `P001/Anger/000.jpeg`."""
OFFICIAL = {name.casefold(): usage for usage, name in enumerate(USAGES)}
OFFICIAL_NAME = re.compile(rf"({'|'.join(USAGES)})_\d+")


@dataclass(frozen=True)
class Place:
    """Where a picture lies: `base/part/…/label/picture`; part or label may be missing."""

    base: str
    part: str  # the nearest folder above called train, validation, test or the like; "" without
    label: str  # the folder around the picture as `fer.filenames` spells it, unless it is that part
    person: str = ""  # the folder above the label if it is called like `P001`

    @property
    def role(self) -> int:
        """0 train, 1 validation, 2 test, -1 unknown."""
        return role_of(self.part)


@cache
def role_of(folder: str) -> int:
    """Returns 0 for a folder of training, 1 of validation, 2 of test pictures: `1. Training Data` is 0. Others: -1."""
    name = folder.casefold()
    if name in ROLES:
        return ROLES[name]
    words = {word for word in re.split(r"[-._ ]+", name.lstrip("0123456789")) if word} - BESIDE
    return ROLES.get(words.pop(), -1) if len(words) == 1 else -1


def place_of(name: str) -> Place:
    folders = name.removeprefix("./").split("/")[:-1]
    if len(folders) > 1 and role_of(folders[-1]) >= 0 and emotion_of(folders[-2]):
        folders[-2:] = reversed(folders[-2:])  # angry/train/1.png
    label = spelled(folders.pop()) if folders and role_of(folders[-1]) < 0 else ""
    person = folders.pop() if label and folders and PERSON.fullmatch(folders[-1]) else ""
    roles = (index for index, folder in enumerate(folders) if role_of(folder) >= 0)
    part = max(roles, default=len(folders))
    return Place("/".join(folders[:part]), "".join(folders[part : part + 1]), label, person)


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


def emotion_sets(files: Files, numbers: Numbers | None = None, names: Renames | None = None) -> dict[str, list[str]]:
    """Returns the data sets of `files`: base folder -> its pictures, some of them in a folder named after an emotion.

    Numbers in `numbers` and names in `names` count as emotions; without numbers, all that a known data set uses. So do
    FOREIGN different emotions in another language, of which reading says what to type.
    """
    sets, labels = defaultdict(list), defaultdict(set)
    for name in image_names(files):
        place = place_of(name)
        sets[place.base].append(name)
        labels[place.base].add(place.label)
    return {
        base: pictures
        for base, pictures in sets.items()
        if any(may_be_emotion(label, numbers, names) for label in labels[base])
        or len(set(map(foreign_emotion, labels[base])) - {None}) >= FOREIGN
    }


def usage_of(name: str, place: Place) -> int:
    """Returns the official role in the file's name, otherwise that of its folder; -1 for none."""
    match = OFFICIAL_NAME.fullmatch(stem_of(name))
    return OFFICIAL.get((match[1] if match else place.part).casefold(), -1)


def id_of(name: str) -> str:
    """Returns the id of a picture: its name without suffix, without folders where it is `Training_12` or the like."""
    name = spelled(name)
    return stem_of(name) if OFFICIAL_NAME.fullmatch(stem_of(name)) else posixpath.splitext(name)[0]


def stem_of(name: str) -> str:
    return posixpath.splitext(posixpath.basename(name))[0]


def other_files(files: Files, bases: Collection[str]) -> list[str]:
    """Returns a note with the number and suffixes of other files in class folders below `bases`; [] for none."""
    names = [name for name in files.names if not name.lower().endswith(SUFFIXES)]
    names = [name for name in names if place_of(name).label and place_of(name).base in bases]
    if not names:
        return []
    return [f"{files.root}: {counted(len(names), 'file')} without a picture's suffix left out: {suffixes_of(names)}"]


def suffixes_of(names: Iterable[str]) -> str:
    """Returns the number of files with each suffix, the most frequent first: ".jxl 2, .txt 1"."""
    suffixes = Counter(posixpath.splitext(name)[1].lower() or "none" for name in names)
    return printable(", ".join(f"{suffix} {count}" for suffix, count in suffixes.most_common()))
