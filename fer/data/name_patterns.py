"""File names of public data sets that carry the expression, the person or the data set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from fer.data.emotions import ALIASES
from fer.data.places import stem_of

MOST = 0.95  # share of the pictures whose names must fit


@dataclass(frozen=True)
class Pattern:
    """How a data set names its pictures: a regular expression for the name without suffix.

    Its groups are `person`, where the name has one, and `label`, where it has the expression; `labels` says what the
    latter stand for.
    """

    data_set: str
    name: re.Pattern[str]
    labels: dict[str, str] = field(default_factory=dict)  # in upper case


def person_in(match: re.Match[str], data_set: str) -> str:
    """Returns the person in a picture's name; "" without one."""
    person = match.groupdict().get("person")
    return f"{data_set} {person.upper()}" if person else ""


def _pattern(data_set: str, name: str, **labels: str) -> Pattern:
    return Pattern(data_set, re.compile(name, re.IGNORECASE | re.ASCII), labels)


TWO_LETTERS = {"AN": "angry", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise"}

WORDS = {
    name.upper(): emotion
    for emotion, names in ALIASES.items()
    for name in (emotion, *names)
    if name == "sad" or len(name) > 3
}
"""What emotions are called in full, as in `img001_anger.jpg` and `happy_12.png`."""

PATTERNS = (
    _pattern("JAFFE", r"(?P<person>[A-Z]{2})[.-](?P<label>AN|DI|FE|HA|NE|SA|SU)\d[.-]\d+", **TWO_LETTERS, FE="fear"),
    _pattern(
        "KDEF",
        r"[AB](?P<person>[FM]\d\d)(?P<label>AF|AN|DI|HA|NE|SA|SU)(?:S|HL|HR|FL|FR)",
        **TWO_LETTERS,
        AF="fear",
    ),
    _pattern(
        "RaFD",
        r"Rafd\d{3}_(?P<person>\d+)_[a-z]+_(?:fe)?male_"
        r"(?P<label>angry|contemptuous|disgusted|fearful|happy|neutral|sad|surprised)_(?:frontal|left|right)",
        ANGRY="angry",
        CONTEMPTUOUS="contempt",
        DISGUSTED="disgust",
        FEARFUL="fear",
        HAPPY="happy",
        NEUTRAL="neutral",
        SAD="sad",
        SURPRISED="surprise",
    ),
    _pattern(
        "NimStim",
        r"(?P<person>\d\d[FM])_(?P<label>AN|CA|DI|FE|HA|NE|SA|SP)_[COX]",
        **TWO_LETTERS,
        FE="fear",
        CA="neutral",
        SP="surprise",
    ),
    _pattern(
        "FACES",
        r"(?P<person>\d{3})_[yom]_[mf]_(?P<label>[adfhns])_[ab]",
        **{"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"},
    ),
    _pattern(
        "FERG",
        r"(?P<person>aia|bonnie|jules|malcolm|mery|ray)_"
        r"(?P<label>anger|disgust|fear|joy|neutral|sadness|surprise)_\d+",
        ANGER="angry",
        DISGUST="disgust",
        FEAR="fear",
        JOY="happy",
        NEUTRAL="neutral",
        SADNESS="sad",
        SURPRISE="surprise",
    ),
    _pattern("CK+", r"(?P<person>S\d{3})_\d{3}_\d{8}"),
    _pattern("words", rf"(?:.*[_\-. ])?(?P<label>{'|'.join(WORDS)})(?:[_\-. ]*\(?\d+\)?)?", **WORDS),
)
"""JAFFE: Lyons et al. 1998. KDEF: Lundqvist et al. 1998; session, sex, person, expression (AF is afraid), angle. RaFD:
Langner et al. 2010. NimStim: Tottenham et al. 2009; CA is calm. FACES: Ebner et al. 2010. CK+: Lucey et al. 2010.
FERG: drawn characters, Aneja et al. 2016."""

RAFDB = re.compile(r"(?:train|test)_\d{4,5}(?:_aligned)?", re.ASCII)


def pattern_of(names: Sequence[str]) -> Pattern | None:
    """Returns the pattern that nearly all of these pictures' names fit, or None."""
    for pattern in PATTERNS:
        fitting = sum(pattern.name.fullmatch(stem_of(name)) is not None for name in names)
        if fitting and fitting >= MOST * len(names):
            return pattern
    return None


def persons_of(names: Sequence[str]) -> np.ndarray | None:
    """Returns the person in each picture, (N,) str, "" where unknown; None where names do not carry persons."""
    pattern = pattern_of(names)
    if pattern is None or "person" not in pattern.name.groupindex:
        return None
    matches = [pattern.name.fullmatch(stem_of(name)) for name in names]
    return np.array([person_in(match, pattern.data_set) if match else "" for match in matches])


def is_rafdb(names: Sequence[str]) -> bool:
    """Whether all pictures have the names of RAF-DB, such as `train_00001_aligned.jpg`."""
    return bool(names) and all(RAFDB.fullmatch(stem_of(name)) for name in names)
