"""Maps numbered class folders to emotions, as the option `labels.numbers` says.

Data sets number the emotions differently: 0 is angry in FER2013 and neutral in AffectNet. A folder that is called by a
number alone is therefore read as an emotion only with a mapping, one of `KNOWN` or one's own.
"""

import re
from collections.abc import Iterable, Mapping

from fer.data.class_names import Renames, key_of
from fer.data.emotions import EMOTIONS, WITH_CONTEMPT, emotion_of
from fer.errors import Setting, UserError

Numbers = Mapping[int, str | None]
"""Number -> class; None leaves the pictures of this number out."""

KNOWN: dict[str, Numbers] = {
    "fer2013": dict(enumerate(EMOTIONS)),
    "affectnet": dict(
        enumerate(("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt", None, None, None))
    ),
    "rafdb": dict(enumerate(("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), start=1)),
    "ckplus": dict(enumerate(WITH_CONTEMPT)),
    "ferplus": dict(enumerate(("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"))),
}
"""FER2013: Goodfellow et al. 2013. AffectNet: Mollahosseini et al. 2017, arXiv:1708.03985; its 8 to 10 are none,
uncertain and no face. RAF-DB: Li et al. 2017, doi.org/10.1109/CVPR.2017.277. CK+: as the csv of 48×48 pixels on Kaggle
has it, not the original, where 0 is neutral. FER+: the order of the votes (Barsoum et al. 2016)."""

OPTION = Setting("labels.numbers")
EXAMPLE = "'{0: neutral, 1: happy}'"
NUMBER = re.compile(r"(?:(?:class|label|emotion|expression)[ _-]*)?(\d{1,9})", re.ASCII)
NUMBERED = re.compile(r"(\d{1,9})[ _.-]*[^\d]+", re.ASCII)


def number_of(folder: str) -> int | None:
    """Returns the number in a folder's name: 3 for `3`, `03`, `class_3` and `label 3`; None for any other name."""
    match = NUMBER.fullmatch(folder.strip().casefold())
    return int(match[1]) if match else None


def may_be_emotion(folder: str, numbers: Numbers | None, names: Renames | None = None) -> bool:
    """Whether a folder is called by an emotion, by a name in `names`, or by a number in `numbers`; None stands for
    all known data sets."""
    if key_of(folder) in (names or {}):
        return True
    tables = KNOWN.values() if numbers is None else [numbers]
    return emotion_of(folder) is not None or any(number_of(folder) in table for table in tables)


def parse(
    value: str | Mapping[int, str | None] | Mapping[str, str | None] | None, own_classes: bool = False
) -> Numbers | None:
    """Returns the option `labels.numbers` as a mapping; None without one.

    value: a name in `KNOWN`, or number -> emotion by any of its usual names, None to leave a class out. With
    `own_classes` a class may have any name. Raises UserError for anything else.
    """
    if value is None:
        return None
    if isinstance(value, str) and value.casefold() in KNOWN:
        return KNOWN[value.casefold()]
    if not isinstance(value, Mapping) or not value:
        raise UserError(
            Setting("labels.numbers", str(value)), f": expected {', '.join(KNOWN)} or a mapping such as {EXAMPLE}"
        )
    return {_number(key): _class(key, name, own_classes) for key, name in value.items()}


def _number(key: int | str) -> int:
    text = str(key).strip()
    if isinstance(key, bool) or not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise UserError(OPTION, f": '{key}' is not the number of a class; expected a mapping such as {EXAMPLE}")
    return int(text)


def _class(key: int | str, name: object, own_classes: bool) -> str | None:
    if name is None:
        return None
    text = str(name).strip()
    known = text if own_classes else emotion_of(text)
    if not known or not isinstance(name, str):
        names = "the name of a class" if own_classes else ", ".join(WITH_CONTEMPT)
        raise UserError(OPTION, f": {key} is '{name}'; expected {names}, or null to leave its pictures out")
    return known


def emotions_in(
    labels: Iterable[str],
    numbers: Numbers | None,
    where: str,
    names: Renames | None = None,
    kind: str = "class folders",
) -> dict[str, str | None]:
    """Returns the emotion of each class folder or label by name or by number, or None where it is left out.

    Unknown names are not in it. numbers, names: the options `labels.numbers` and `labels.rename`. where, kind: the
    place and what messages call the labels. Raises UserError for numbers without a mapping or that it lacks, for
    numbers of a known data set that lack one of its emotions, since they are likely another's, and for a folder such as
    `1_surprise` whose number stands for another emotion in `numbers`.
    """
    labels = sorted(labels)
    renamed = {label: names[key_of(label)] for label in labels if key_of(label) in names} if names else {}
    rest = [label for label in labels if label not in renamed]
    by_number = {label: number for label in rest if (number := number_of(label)) is not None}
    if by_number and numbers is None:
        raise UserError(f"{where}: {kind} {listed(by_number)} are numbers; ", *HOW_TO_SAY)
    by_name = {label: emotion for label in rest if (emotion := emotion_of(label))}
    for label, emotion in by_name.items():
        _check_agreement(label, emotion, numbers or {}, where)
    translations = translated(by_number, numbers or {}, where, kind)
    if translations and numbers is not None and numbers in KNOWN.values():
        _check_complete({*by_name.values(), *translations.values(), *renamed.values()}, numbers, where)
    return renamed | by_name | translations


def translated(
    by_number: Mapping[str, int], numbers: Numbers, where: str, kind: str = "class folders"
) -> dict[str, str | None]:
    """Returns what each label that is a number stands for. Raises UserError for numbers that the mapping lacks."""
    missing = [label for label, number in by_number.items() if number not in numbers]
    if missing:
        raise UserError(
            f"{where}: ",
            OPTION,
            f" ({table(numbers)}) has no entry for {kind} {listed(missing)}; "
            "choose the mapping of this data set, or leave a class out with null in a mapping of your own",
        )
    return {label: numbers[number] for label, number in by_number.items()}


def _check_complete(emotions: set[str | None], numbers: Numbers, where: str) -> None:
    missing = {number: name for number, name in numbers.items() if name in EMOTIONS and name not in emotions}
    if missing:
        raise UserError(
            f"{where}: no class folder {table(missing)}; are these the numbers of another data set than ",
            OPTION,
            " says? If not, type those that are there, as in ",
            Setting("labels.numbers", EXAMPLE),
        )


def _check_agreement(folder: str, emotion: str, numbers: Numbers, where: str) -> None:
    match = NUMBERED.fullmatch(folder.strip())
    other = numbers.get(int(match[1]), emotion) if match else emotion
    if other != emotion:
        raise UserError(
            f"{where}: class folder '{folder}' says {emotion}, and its number is {other or 'left out'} in ",
            OPTION,
            f" ({table(numbers)}); choose the mapping of this data set or rename the folder",
        )


def table(numbers: Numbers) -> str:
    """Returns a mapping as text: "0 angry, 1 disgust, …"."""
    return ", ".join(f"{number} {name}" for number, name in numbers.items() if name)


def beginning(numbers: Numbers) -> str:
    """Returns the first two entries of a mapping, which differ between data sets: "0 angry 1 disgust …"."""
    return " ".join([*table(numbers).replace(",", "").split()[:4], "…"])


def listed(folders: Iterable[str], at_most: int = 4) -> str:
    """Returns the names of a few numbered folders, in the order of their numbers."""
    names = sorted(folders, key=lambda folder: (number_of(folder) or 0, folder))
    more = ["…"] if len(names) > at_most else []
    return ", ".join([*names[:at_most], *more])


HOW_TO_SAY = (
    "data sets number emotions differently: type ",
    Setting(
        "labels.numbers",
        ", ".join(f"{name} ({beginning(KNOWN[name])})" for name in ("fer2013", "affectnet", "rafdb")),
    ),
    f", ckplus, ferplus or {EXAMPLE}",
)
