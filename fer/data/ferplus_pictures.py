"""FER+ as its script writes it: `FER2013Train/fer0000000.png` with the votes in `FER2013Train/label.csv`."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fer.data.faces import Faces
from fer.data.ferplus_rules import CLASSES, COLUMNS, majority, without_outliers
from fer.data.files import Files, files_at
from fer.data.label_files import box_of, read_rows
from fer.data.list_files import folder_of, listing_of, named
from fer.data.listings import Entry, Listing, entry_of
from fer.data.places import id_of
from fer.errors import UserError

LAYOUT = "FER+ pictures and votes"
FOLDERS = {"fer2013train": 0, "fer2013valid": 1, "fer2013test": 2}
ORDER = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf")
"""Of the votes in label.csv."""
FIELDS = 2 + len(ORDER)  # name and box before the votes


def listing(files: Files) -> Listing | None:
    """Returns the pictures, labelled by the majority of the votes; those without one have the label "".

    `labels.votes=soft` reads the votes again, see `votes_of`.
    """
    entries: list[Entry] = []
    existing = set(files.names)
    for path in tables(files):
        for row in rows_of(files, path):
            name = f"{path.rpartition('/')[0]}/{row[0]}"
            if name in existing:
                winner = int(majority(without_outliers(votes_in(row)[None]))[0])
                label = CLASSES[winner] if 0 <= winner < len(CLASSES) else ""
                box = box_of(row, row[1], ())
                entries.append(entry_of(name, label, box, role=FOLDERS[folder_of(path).lower()]))
    return listing_of(files, tables(files), LAYOUT, entries, "labels by the majority of FER+ votes")


def tables(files: Files) -> list[str]:
    return [path for path in named(files, r"label\.csv") if folder_of(path).lower() in FOLDERS]


def rows_of(files: Files, path: str) -> Iterator[list[str]]:
    """Yields the rows of a label.csv. Raises UserError for one without a name, a box and ten votes."""
    first, rest = read_rows(files, path)
    for line, row in [(1, first), *rest]:
        if len(row) != FIELDS or not all(vote.isdigit() for vote in row[2:]):
            raise UserError(f"{files.path(path)}, line {line}: expected a name, a box and ten votes; write it again")
        yield row


def votes_in(row: list[str]) -> np.ndarray:
    """Returns the votes of a row, (10,) int64 in the order of `COLUMNS`."""
    votes = dict(zip(ORDER, map(int, row[2:]), strict=True))
    return np.array([votes[column] for column in COLUMNS], dtype=np.int64)


def votes_of(faces: Faces) -> tuple[str, np.ndarray]:
    """Returns the folder of pictures that were read with `listing`, and their votes, (N, 10) int64."""
    [root] = faces.sources
    files = files_at(Path(root))
    votes = {
        id_of(f"{path.rpartition('/')[0]}/{row[0]}"): votes_in(row)
        for path in tables(files)
        for row in rows_of(files, path)
    }
    return root, np.stack([votes[name] for name in faces.ids])
