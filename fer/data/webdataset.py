"""Reads WebDataset: tars of `s0000000.jpg` and `s0000000.cls`, the number of the class, such as train/0.tar."""

from pathlib import Path

from fer.data.files import Files
from fer.data.list_files import listing_of
from fer.data.listings import Listing, entry_of
from fer.data.places import ROLES, image_names

LAYOUT = "WebDataset"
NAMES = "classnames.txt"
"""A name a line; the first is that of class 0. It lies in the folder of the tar or in the one above."""


def listing(files: Files) -> Listing | None:
    """Returns the pictures with a `.cls` of the same name; None without any.

    Labels are the names in classnames.txt or, without it, numbers. The folder of the tar says the role.
    """
    pictures = {name.rpartition(".")[0]: name for name in image_names(files)}
    tables = [name for name in files.names if name.lower().endswith(".cls") and name[:-4] in pictures]
    if not tables:
        return None
    names = class_names(files.root)
    role = ROLES.get(files.root.absolute().parent.name.casefold(), -1)
    entries = []
    for path, content in files.read(tables):
        label = content.decode("ascii", "replace").strip()
        known = label.isdigit() and int(label) < len(names)
        entries.append(entry_of(pictures[path[:-4]], names[int(label)] if known else label))
    if role >= 0:
        entries = [entry._replace(role=role) for entry in entries]
    return listing_of(files, [""], LAYOUT, entries, f"classes by {NAMES if names else 'number'}")


def class_names(root: Path) -> list[str]:
    """Returns the lines of the classnames.txt that is nearest; [] without one."""
    places = [root, *root.absolute().parents[:2]]
    path = next((place / NAMES for place in places if (place / NAMES).is_file()), None)
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path else []
