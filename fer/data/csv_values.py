"""Parses single fields of a csv: pixels and Usages."""

import re
import warnings

import numpy as np

from fer.data.csv_format import PIXELS, plain
from fer.data.emotions import USAGES
from fer.data.places import ROLES
from fer.preprocess import SIZE

OFFICIAL = {name.casefold(): usage for usage, name in enumerate(USAGES)}
LIST = bytes.maketrans(b"[](),;|\t", b"        ")


class BadRow(ValueError):
    """A row that cannot be used; the message completes "FILE, line N: …"."""


def integers(text: bytes) -> np.ndarray:
    """Returns numbers separated by blanks as (n,) int64. Raises ValueError or DeprecationWarning for others."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # what older numpy gives where newer raises ValueError
        return np.fromstring(text, dtype=np.int64, sep=" ")  # the fastest exact way; int32 would wrap around


def parse_pixels(text: bytes) -> tuple[bytes, bool]:
    """Returns 2304 pixels from 0 to 255, a byte each, and whether they are written as a list.

    text: numbers separated by blanks, or a list such as `[70, 80]`. Raises BadRow.
    """
    try:
        values, is_list = integers(text), False
    except (ValueError, DeprecationWarning):
        if b"..." in text:
            raise BadRow("pixels shortened to '...' when the table was saved; save all of them") from None
        values, is_list = list_of_numbers(text), True
    if values.size != PIXELS:
        raise BadRow(f"{values.size} pixels, expected {PIXELS} ({SIZE}×{SIZE})")
    if (values & ~255).any():
        raise BadRow(f"pixel value {values[(values & ~255) != 0][0]}, expected 0 to 255")
    return values.astype(np.uint8).tobytes(), is_list


def list_of_numbers(text: bytes) -> np.ndarray:
    """Returns a list such as `[70, 80.0]` as (n,) int64. Raises BadRow."""
    words = text.translate(LIST).split()
    odd = next((word for word in words if not re.fullmatch(rb"-?\d+(\.0*)?", word)), None)
    if odd is not None or not words:
        shown = (odd or b"?")[:20].decode(errors="replace")
        raise BadRow(f"'{shown}' among the pixels, expected numbers from 0 to 255")
    return integers(b" ".join(word.split(b".")[0] for word in words))


def parse_usage(text: bytes) -> tuple[int, int]:
    """Returns the index into USAGES, and 0 train, 1 validation, 2 test by another name; -1 for none. Raises BadRow."""
    name = plain(text).casefold()
    if name in OFFICIAL:
        return OFFICIAL[name], -1
    if name in ROLES:
        return -1, ROLES[name]
    raise BadRow(f"Usage '{plain(text)[:20]}', expected {', '.join(USAGES)}, or train, val, test")
