"""Reads `data.labels=FILE`: a table with a row for each face, its picture and its label."""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from fer.counting import counted
from fer.data.csv_format import Columns, plain, separator_of, utf8_lines
from fer.data.csv_values import BadRow, parse_usage
from fer.data.decoding import Box
from fer.data.files import Files, SingleFile
from fer.data.listings import Entry, Listing, PictureIndex, entry_of
from fer.data.reading import brief, is_junk
from fer.errors import Setting, UserError

NAMES = {
    "path": (
        *("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "image_name"),
        *("image name", "img", "img_path", "img_name", "pth", "picture", "images", "subdirectory_filepath", "name"),
        *("image_id", "photo", "id"),
    ),
    "label": ("emotion", "label", "labels", "class", "expression", "emotions", "category", "target", "class_name"),
    "split": ("usage", "split", "set", "subset", "partition"),
    "person": ("person", "subject", "person_id", "subject_id", "identity", "participant", "actor", "user.id"),
    "box": ("box", "bbox", "bounding_box", "face_box"),
}
"""What a column holds -> names for it in lower case, the first that is there counts."""

EDGES = (
    ("left", "top", "right", "bottom"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x0", "y0", "x1", "y1"),
    ("x1", "y1", "x2", "y2"),
)
SIZES = (
    ("face_x", "face_y", "face_width", "face_height"),
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
    ("left", "top", "width", "height"),
)
"""Columns of a box: its edges, or two edges and its size, in pixels."""


def find_table(files: Files, path: str) -> tuple[Files, str]:
    """Returns where the table lies: at `path`, below the root, or in the archive. Raises UserError without it."""
    for place in (Path(os.path.expanduser(path)), files.root / path):
        if place.is_file():
            return SingleFile(Path(os.path.abspath(place))), place.name
    inside = [name for name in files.names if name == path or name.endswith(f"/{path}")]
    if not inside:
        raise UserError(f"data.labels: no file {path}, here or in {files.root}; check the path")
    return files, inside[0]


def read_label_file(files: Files, path: str, columns: Columns | None = None, on_bad_row: str = "error") -> Listing:
    """Returns the faces that a table labels.

    The table is text with commas, semicolons, tabs, bars or blanks between columns. A header names them, see `NAMES`;
    without one, the first column is the picture and the second, of two, its label. columns: names that the user gave.
    Paths may be relative to any folder above the pictures. Raises UserError for columns that are missing, and for
    pictures that are not there unless `on_bad_row` is "skip".
    """
    table, name = find_table(files, path)
    where = table.path(name)
    index = PictureIndex(files)
    header, rows = read_rows(table, name)
    positions = positions_of(header, columns or {}, where)
    if "path" not in positions:
        if len(header) == 2 and index.find(header[0]):
            rows, positions = [(1, header), *rows], {"path": 0, "label": 1}
        else:
            raise UserError(_no_column("path", header, where))
    if "label" not in positions:
        raise UserError(_no_column("label", header, where))
    entries, missing = [], []
    for line, row in rows:
        try:
            entry = _entry(row, positions, header, index)
        except (BadRow, UserError) as error:
            if on_bad_row != "skip":
                fix = "correct it, or drop such rows with data.on_bad_row=skip"
                raise UserError(f"{where}, line {line}: {error}; {fix}") from None
            missing.append(line)
            continue
        entries.append(entry)
    if not entries:
        problem = f"{where}: no row with a picture of {files.root}; check "
        raise UserError(problem, Setting("data.root"), " and ", Setting("data.labels"))
    notes = (f"{where}: {counted(len(missing), 'row')} skipped, without a usable picture",) if missing else ()
    return Listing(files, where, f"pictures with {name}", entries, notes)


def read_rows(files: Files, name: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Returns the first row of a table and the others with their line numbers, without blank ones.

    Raises UserError for an empty table.
    """
    _, lines = utf8_lines(files, name)
    numbered = [(number, plain(line)) for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise UserError(f"{files.path(name)}: the table is empty; it needs a row for each picture")
    separator = separator_of(numbered[0][1].encode())
    if separator not in numbered[0][1]:
        rows = [(number, text.split()) for number, text in numbered]
    else:
        rows = [(number, fields) for number, fields in _fields(numbered, separator, files.path(name))]
    return rows[0][1], rows[1:]


def _fields(lines: Sequence[tuple[int, str]], separator: str, where: str) -> Iterator[tuple[int, list[str]]]:
    try:
        parsed = csv.reader((text for _, text in lines), delimiter=separator, skipinitialspace=True)
        for (number, _), fields in zip(lines, parsed, strict=False):
            yield number, [field.strip(' "\t') for field in fields]
    except csv.Error as error:
        raise UserError(f"{where}: not a table ({brief(error)}); save it as UTF-8 with commas") from error


def positions_of(header: Sequence[str], columns: Columns, where: str) -> dict[str, int]:
    """Returns the position of each column that is known: path, label, split, person and box.

    Raises UserError for a column of the user's that is not there.
    """
    names = [name.casefold() for name in header]
    positions = {}
    for holds, usual in NAMES.items():
        chosen = columns.get(holds)
        if chosen is not None and chosen not in names:
            raise UserError(f"{where}: no column '{chosen}' (data.columns); there are {', '.join(header)[:150]}")
        known = [name for name in ((chosen,) if chosen else usual) if name in names]
        if known:
            positions[holds] = names.index(known[0])
    return positions


def _no_column(holds: str, header: Sequence[str], where: str) -> str:
    shown = ", ".join(header)[:120]
    return f"{where}: no column that names the {holds}, only {shown}; type data.columns='{{{holds}: NAME}}'"


def _entry(row: Sequence[str], positions: dict[str, int], header: Sequence[str], index: PictureIndex) -> Entry:
    """Returns one row as an entry. Raises BadRow."""
    if len(row) <= max(positions.values()):
        raise BadRow(f"{len(row)} fields, expected {len(header)}")
    value = {holds: row[position] for holds, position in positions.items()}
    picture = index.find(value["path"])
    if picture is None:
        raise BadRow(f"no picture '{value['path'][:80]}' in data.root")
    entry = entry_of(picture, value["label"], box_of(row, value.get("box"), header), value.get("person", ""))
    if value.get("split"):
        usage, role = parse_usage(value["split"].encode())
        entry = entry._replace(usage=usage, role=role)
    return entry


def box_of(row: Sequence[str], text: str | None, header: Sequence[str]) -> Box | None:
    """Returns the box of a row, from one column such as `(0, 0, 48, 48)` or from four. Raises BadRow."""
    if text is not None:
        return _box(text.strip("()[] ").replace(",", " ").split()) if text.strip() else None
    names = [name.casefold() for name in header]
    for edges in EDGES:
        if set(edges) <= set(names):
            return _box([row[names.index(edge)] for edge in edges])
    for sides in SIZES:
        if set(sides) <= set(names):
            left, top, width, height, _ = _box([row[names.index(side)] for side in sides])
            return Box(left, top, left + width, top + height)
    return None


def _box(texts: Sequence[str]) -> Box:
    try:
        left, top, right, bottom = map(float, texts)
    except ValueError:
        raise BadRow(f"box '{' '.join(texts)[:40]}', expected four numbers") from None
    return Box(left, top, right, bottom)


def is_table(name: str) -> bool:
    return name.lower().endswith((".csv", ".tsv", ".txt", ".lst")) and not is_junk(name)
