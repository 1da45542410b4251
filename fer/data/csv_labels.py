"""The labels of a csv: numbers or names of emotions."""

import posixpath
import re
from typing import NoReturn

from fer.data.class_names import Renames, key_of, rename_option, suggestion
from fer.data.class_numbers import KNOWN, Numbers, table
from fer.data.csv_format import plain
from fer.data.csv_values import BadRow
from fer.data.emotions import WITH_CONTEMPT, emotion_of

WHOLE = re.compile(r"(-?\d{1,9})\.0*")
LEFT_OUT = -1


class Labels:
    """The classes of labels as a csv writes them: an emotion's name, or its number as 3 or 3.0.

    numbers: number -> emotion. names: label -> emotion, before anything else.
    """

    def __init__(self, numbers: Numbers, names: Renames):
        self.numbers, self.names = numbers, names
        self.codes: dict[bytes, int] = {}  # label -> index into WITH_CONTEMPT, or LEFT_OUT
        self.named = self.numbered = self.fractional = False

    def code(self, text: bytes) -> int:
        """Returns the index into WITH_CONTEMPT, LEFT_OUT for a class that is left out. Raises BadRow."""
        code = self.codes.get(text)
        if code is None:
            self.codes[text] = code = self._parse(text)
        return code

    def _parse(self, text: bytes) -> int:
        label = plain(text).strip()
        if key_of(label) in self.names:
            return _index(self.names[key_of(label)])
        emotion = emotion_of(label)
        if emotion:
            self.named = True
            return _index(emotion)
        match = WHOLE.fullmatch(label)
        number = match[1] if match else label
        if not number.isdigit() or int(number) not in self.numbers:
            self._refuse(label)
        self.numbered = True
        self.fractional |= match is not None
        return _index(self.numbers[int(number)])

    def _refuse(self, label: str) -> NoReturn:
        likely = suggestion(label)
        if likely:
            raise BadRow(f"emotion '{label[:20]}', probably {likely}: type {rename_option([label[:40]])}")
        raise BadRow(f"emotion '{label[:20]}', expected one of {table(self.numbers)}")

    def remarks(self) -> list[str]:
        remarks = ["with labels by name"] if self.named else []
        return [*remarks, "with labels as 3.0"] if self.fractional else remarks


def _index(emotion: str | None) -> int:
    return LEFT_OUT if emotion is None else WITH_CONTEMPT.index(emotion)


def code_table(stem: str, numbers: Numbers | None) -> Numbers:
    """Returns what the numbers of a csv stand for: those of CK+ where its name says so, else FER2013's.

    numbers: the option `labels.numbers`, which does not apply to files that are FER2013 by their name.
    """
    if numbers is not None and not is_fer2013(stem):
        return numbers
    return KNOWN["ckplus"] if is_ckplus(stem) else KNOWN["fer2013"]


def is_ckplus(stem: str) -> bool:
    return re.match(r"ck(?![a-z])|ckplus|ckextended|cohn", stem) is not None


def is_fer2013(stem: str) -> bool:
    return stem.startswith(("fer2013", "icml_face_data"))


def csv_stem(name: str) -> str:
    """Returns the name of a csv in lower case without its folders and its suffixes."""
    return re.sub(r"\.(csv|tsv)(\.\w+)?$", "", posixpath.basename(name).lower())
