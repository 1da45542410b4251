"""What the readers of public lists have in common: files by name, codes, the listing of what was found."""

import re

from fer.data.class_numbers import Numbers
from fer.data.files import Files
from fer.data.listings import Entry, Listing


def named(files: Files, name: str) -> list[str]:
    """Returns the files of this name in any folder; `name` is a regular expression in lower case."""
    return [path for path in files.names if re.fullmatch(name, path.rpartition("/")[2].lower())]


def folder_of(path: str) -> str:
    """Returns the name of the folder around a file, "" without one."""
    return path.rpartition("/")[0].rpartition("/")[2]


def emotion_for(code: str, numbers: Numbers) -> str | None:
    """Returns the emotion of a code such as `3` or `3.0`, or None for one without an emotion."""
    try:
        return numbers.get(int(float(code)))
    except ValueError:
        return None


def listing_of(files: Files, tables: list[str], layout: str, entries: list[Entry], how: str) -> Listing | None:
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
