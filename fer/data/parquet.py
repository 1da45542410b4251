"""Reads faces from Parquet and Arrow files, as Hugging Face's `datasets` stores them. Needs pyarrow."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from fer.counting import counted
from fer.data.class_names import Renames, require_known
from fer.data.class_numbers import Numbers, emotions_in
from fer.data.csv_format import Columns
from fer.data.face_crops import NOTE as NO_FACE
from fer.data.faces import Faces
from fer.data.files import Files
from fer.data.folders import own_classes
from fer.data.listings import emotion_classes, sorted_classes
from fer.data.parquet_table import SUFFIXES, Table
from fer.errors import UserError


def tables_of(files: Files, columns: Columns) -> list[Table]:
    """Returns the Parquet and Arrow files that have a column of pictures and one of labels."""
    names = [name for name in files.names if name.lower().endswith(SUFFIXES)]
    tables = [Table(files, name, columns) for name in names if not name.rpartition("/")[2].startswith("cache-")]
    return [table for table in tables if table.image and table.label]


def read_tables(
    tables: Sequence[Table],
    on_bad_row: str = "error",
    numbers: Numbers | None = None,
    names: Renames | None = None,
    own: bool = False,
) -> Faces:
    """Reads the faces of several files. With `own`, classes are the labels themselves; otherwise FER2013's emotions.

    numbers, names: the options `labels.numbers` and `labels.rename`. Raises UserError for labels that are no emotions
    and, unless `on_bad_row` is "skip", for rows that cannot be used.
    """
    root = tables[0].files.root
    where = tables[0].where if len(tables) == 1 else str(root)
    rows = [row for table in tables for row in table.rows(on_bad_row)]
    faces = [row for row in rows if row is not None]
    labels = Counter(row.label for row in faces)
    if own:
        class_of = own_classes(set(labels), numbers, names, where, "labels")
    else:
        class_of = emotions_in(labels, numbers, where, names, "labels")
        require_known(labels, class_of, where)
    kept = [row for row in faces if class_of[row.label] is not None]
    if not kept:
        raise UserError(f"{where}: no usable row ({len(rows) - len(faces)} bad ones); fetch the file again")
    classes = sorted_classes(class_of[row.label] for row in kept) if own else emotion_classes(class_of.values())
    codes: dict[str | None, int] = {name: code for code, name in enumerate(classes)}
    notes = []
    faceless = sum(table.faceless for table in tables)
    if faceless:
        notes.append(f"{where}: {counted(faceless, 'picture')} {NO_FACE}")
    if len(faces) + faceless < len(rows):
        notes.append(f"{where}: {counted(len(rows) - len(faces) - faceless, 'bad row')} skipped")
    if len(kept) < len(faces):
        notes.append(
            f"{where}: {counted(len(faces) - len(kept), 'row')} left out as labels.numbers or labels.rename says"
        )
    return Faces(
        images=np.stack([row.image for row in kept]),
        labels=np.array([codes[class_of[row.label]] for row in kept], dtype=np.int64),
        usage=np.array([row.usage for row in kept], dtype=np.int8),
        folder=np.array([row.role for row in kept], dtype=np.int8),
        ids=np.array([row.id for row in kept], dtype=str),
        classes=classes,
        layout="Parquet" if tables[0].name.lower().endswith(".parquet") else "Arrow",
        sources=(where,),
        notes=tuple(notes),
    )
