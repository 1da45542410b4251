"""Reads lists beside the pictures of each split, such as `train/_annotations.csv`: Roboflow and Hugging Face."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from fer.data.decoding import Box
from fer.data.emotions import emotion_of
from fer.data.files import Files
from fer.data.label_files import box_of, positions_of, read_rows
from fer.data.list_files import listing_of, named
from fer.data.listings import Listing, entry_of
from fer.data.places import image_names
from fer.data.reading import brief
from fer.errors import UserError

Row = tuple[str, str | None, Box | None]
"""File of the picture from the list's folder on, label (None for no single one), and box."""


def listing(files: Files) -> Listing | None:
    """Returns the pictures that such lists name; None where there are none, or none of the labels is an emotion."""
    pictures = set(image_names(files))
    tables, entries = [], []
    for name, rows in READERS.items():
        for path in named(files, re.escape(name)):
            folder = path[: path.rfind("/") + 1]
            found = [(f"{folder}{file}", label, box) for file, label, box in rows(files, path)]
            entries += [entry_of(picture, label, box) for picture, label, box in found if picture in pictures]
            tables.append(path)
    if not any(emotion_of(entry.label) for entry in entries if entry.label):
        return None
    return listing_of(files, tables, "pictures with lists", entries, f"labels in {tables[0].rpartition('/')[2]}")


def table_rows(files: Files, path: str) -> Iterator[Row]:
    """Yields the rows of a table with a column of files and one of labels, and the box where there is one."""
    header, rows = read_rows(files, path)
    places = positions_of(header, {}, files.path(path))
    if {"path", "label"} <= set(places):
        for _, row in rows:
            if len(row) == len(header):
                yield row[places["path"]], row[places["label"]], box_of(row, None, header)


def one_hot_rows(files: Files, path: str) -> Iterator[Row]:
    """Yields the rows of `filename, angry, disgust, …` with a 1 in the column of the class."""
    header, rows = read_rows(files, path)
    for _, row in rows:
        labels = [name for name, mark in zip(header[1:], row[1:], strict=False) if mark in ("1", "1.0")]
        yield row[0], labels[0] if len(labels) == 1 else None, None


def coco_rows(files: Files, path: str) -> Iterator[Row]:
    """Yields the faces of COCO's JSON. Raises UserError for any other content."""
    [(_, content)] = files.read([path])
    try:
        coco: dict[str, Any] = json.loads(content)
        pictures = {picture["id"]: picture["file_name"] for picture in coco.get("images", [])}
        names = {category["id"]: category["name"] for category in coco.get("categories", [])}
        for face in coco.get("annotations", []):
            left, top, width, height = map(float, face["bbox"])
            box = Box(left, top, left + width, top + height)
            yield pictures[face["image_id"]], names[face["category_id"]], box
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(f"{files.path(path)}: not COCO's JSON ({brief(error)}); export it again") from error


def json_rows(files: Files, path: str) -> Iterator[Row]:
    """Yields the rows of `{"file_name": …, "label": …}` in a line each. Raises UserError for other lines."""
    for number, line in enumerate(files.lines(path), start=1):
        try:
            row = json.loads(line) if line.strip() else {}
            label = next((row[key] for key in ("label", "emotion", "text", "class") if key in row), None)
            yield row.get("file_name", ""), label if isinstance(label, str) else None, None
        except (ValueError, AttributeError, RecursionError) as error:
            raise UserError(f"{files.path(path)}, line {number}: not JSON ({brief(error)}); correct it") from error


READERS: dict[str, Callable[[Files, str], Iterator[Row]]] = {
    "_annotations.csv": table_rows,
    "_classes.csv": one_hot_rows,
    "_annotations.coco.json": coco_rows,
    "metadata.csv": table_rows,
    "metadata.jsonl": json_rows,
}
"""Name of a list -> its reader."""
