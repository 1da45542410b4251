"""Reads WebDataset: tars of `s0000000.jpg` and `s0000000.cls`, the class or its number, such as train/0.tar."""

import json
from pathlib import Path

from fer.data.archives import TarArchive
from fer.data.emotions import emotion_of
from fer.data.files import Files
from fer.data.list_files import listing_of
from fer.data.listings import Listing, entry_of
from fer.data.parquet_table import LABELS, role_of_file
from fer.data.places import image_names

LAYOUT = "WebDataset"
NAMES = "classnames.txt"
"""A name a line; the first is that of class 0. It lies in the folder of the tar or in the one above."""
KINDS = (".cls", ".txt", ".json")
"""Suffixes of labels. Those other than `.cls` are read in tars only, as such files lie beside pictures for other
reasons."""


def listing(files: Files) -> Listing | None:
    """Returns the pictures with a label of the same name; None without any.

    Labels are emotions, the names in classnames.txt or, without it, numbers. The name of the tar, or of its folder,
    says the role.
    """
    pictures = {name.rpartition(".")[0]: name for name in image_names(files)}
    kinds = KINDS if isinstance(files, TarArchive) else KINDS[:1]
    kind = next((kind for kind in kinds if any(_is_label(name, kind, pictures) for name in files.names)), None)
    if kind is None:
        return None
    tables = [name for name in files.names if _is_label(name, kind, pictures)]
    names = class_names(files.root)
    role = role_of_file("/".join(files.root.absolute().parts[-2:]))
    entries = []
    for path, content in files.read(tables):
        label = label_in(content, kind)
        known = label.isdigit() and int(label) < len(names)
        entries.append(entry_of(pictures[path[: -len(kind)]], names[int(label)] if known else label))
    if not all(
        entry.label and (entry.label.isdigit() or emotion_of(entry.label)) for entry in entries if kind != ".cls"
    ):
        return None  # captions, or other facts
    if role >= 0:
        entries = [entry._replace(role=role) for entry in entries]
    return listing_of(files, [""], LAYOUT, entries, f"classes by {NAMES if names else 'number or name'}")


def _is_label(name: str, kind: str, pictures: dict[str, str]) -> bool:
    return name.lower().endswith(kind) and name[: -len(kind)] in pictures


def label_in(content: bytes, kind: str) -> str:
    """Returns the label that a file holds; "" for JSON without one."""
    if kind != ".json":
        return content.decode("utf-8", "replace").strip()
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    values = facts if isinstance(facts, dict) else {}
    return str(next((values[key] for key in (*LABELS, "cls") if key in values), ""))


def class_names(root: Path) -> list[str]:
    """Returns the lines of the classnames.txt that is nearest; [] without one."""
    places = [root, *root.absolute().parents[:2]]
    path = next((place / NAMES for place in places if (place / NAMES).is_file()), None)
    return path.read_text(encoding="utf-8", errors="replace").split("\n") if path else []
