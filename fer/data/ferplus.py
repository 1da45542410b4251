"""Joins the ten FER+ votes to the faces of FER2013, as hard or soft labels.

Barsoum et al. 2016, "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution",
arXiv:1608.01041. Ten people chose for each image one of eight emotions, unknown or NF (not a face); `fer2013new.csv`
of github.com/microsoft/FERPlus has their votes in the row order of fer2013.csv. The rules, on each row by itself:

1. An answer with a single vote is an outlier: its vote becomes 0, unless no vote would remain.
2. The majority is the answer with more than half of the remaining votes; unknown and NF are answers too.
3. majority: the label is the majority. Rows are dropped where it is unknown or NF, where there is none, and where FER+
   left the image's name blank.
4. soft: a training row's target is its votes for the eight emotions, scaled to sum 1, and its label (for counts,
   sampler and training accuracy) the emotion with the most, the first in class order of several. Rows are
   dropped where unknown or NF has as many votes as any emotion, and where the name is blank. PublicTest and PrivateTest
   follow rule 3, so that both modes are scored on the same faces. Where the faces do not fill all three roles, every
   row follows it, since any could be held out.

These are the paper's, with two differences to its published code (src/ferplus.py). There fear and contempt are lost
with unknown and NF (8, the number of emotions, is taken for 10); here they stay. Its distributions keep the one to
three most frequent emotions only, until they have 75 % of the votes; here every vote left counts.
"""

import io
import os
import posixpath
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from fer.data import ferplus_pictures
from fer.data.emotions import USAGES
from fer.data.faces import Faces
from fer.data.ferplus_rules import (
    CLASSES,
    COLUMNS,
    REASONS,
    distributions,
    reasons,
    without_outliers,
)
from fer.data.files import Files, SingleFile, files_at
from fer.data.reading import brief, check_no_pointer, readable
from fer.errors import Setting, UserError

MODES = ("none", "majority", "soft")
NAME = "fer2013new.csv"
NAME_VOTES = " or name it with labels.votes_file=PATH"
GET = f"get {NAME} from github.com/microsoft/FERPlus"


@dataclass(frozen=True)
class Votes:
    """The rows of fer2013new.csv."""

    where: str
    lines: np.ndarray  # (N,) int64, their numbers in the file, from 1
    usage: np.ndarray  # (N,) str
    named: np.ndarray  # (N,) bool, false where the image's name is blank
    counts: np.ndarray  # (N, 10) int64, votes for each of COLUMNS


def relabelled(faces: Faces, votes: str, votes_file: str | None = None, on_bad_row: str = "error") -> Faces:
    """Returns `faces` with the labels of FER+, its eight classes, and a new fingerprint; unchanged for "none".

    faces: of fer2013.csv, or the pictures that FER+'s script writes, whose votes lie beside them. votes: "none",
    "majority" or "soft", which adds `targets`. The votes for a csv are read from `votes_file`, else from
    fer2013new.csv beside the csv, or beside or in its archive. Raises UserError where they are missing, cannot be
    read or do not have the csv's rows, and for other faces.
    """
    if votes not in MODES:
        raise UserError(f"labels.votes={votes}: expected one of {', '.join(MODES)}")
    if votes == "none":
        if votes_file:
            raise UserError(
                f"labels.votes_file={votes_file} is set but labels.votes=none; type labels.votes=majority or soft, too"
            )
        return faces
    if faces.layout == ferplus_pictures.LAYOUT and not votes_file:
        where, counts = ferplus_pictures.votes_of(faces)
        return _joined(faces, where, counts, np.ones(len(faces), bool), votes)
    source, *others = faces.sources
    if others or not source.lower().endswith(".csv"):
        place = f"{faces.layout}: {', '.join(faces.sources)}"
        raise UserError(
            f"labels.votes={votes}: FER+ has a row for each row of fer2013.csv, but these faces come from something "
            f"else ({place}); give ",
            Setting("data.root", "PATH/fer2013.csv"),
        )
    table = read_votes(*find_votes(source, votes_file))
    rows = np.char.rpartition(faces.ids, "_")[:, 2].astype(np.int64)
    check_alignment(table, faces, rows, whole=on_bad_row == "error")
    return _joined(faces, table.where, table.counts[rows], table.named[rows], votes)


def _joined(faces: Faces, where: str, counts: np.ndarray, named: np.ndarray, votes: str) -> Faces:
    """Returns the faces with the labels that votes (N, 10) of the table `where` give them."""
    counts = without_outliers(counts)
    reason = reasons(counts, named, strict=np.ones(len(faces), bool))
    if votes == "soft" and _roles_known(faces, reason < 0):  # else training rows may come to be held out
        reason = reasons(counts, named, strict=(faces.usage > 0) | (faces.folder > 0))
    dropped = [f"{(reason == index).sum():,} {name}" for index, name in enumerate(REASONS)]
    note = f"FER+ ({votes}): {(reason < 0).sum():,} of {len(faces):,} rows kept; dropped: {', '.join(dropped)}"
    if (reason >= 0).all():
        raise UserError(f"{where}: no row with a label ({note}); {GET} again")
    beside = where not in faces.sources
    joined = replace(
        faces,
        labels=counts[:, : len(CLASSES)].argmax(1),
        targets=distributions(counts) if votes == "soft" else None,
        classes=CLASSES,
        layout=f"{faces.layout} + FER+ {posixpath.basename(where)}, {votes}" if beside else f"{faces.layout}, {votes}",
        sources=(*faces.sources, where) if beside else faces.sources,
    )
    return joined.take(reason < 0).noting([note]).stamped()


def _roles_known(faces: Faces, kept: np.ndarray) -> bool:
    """Whether the kept faces fill all three roles, by Usage alone or by folder alone."""
    usage, folder = faces.usage[kept], faces.folder[kept]
    by_usage = set(usage) == set(range(len(USAGES))) and (faces.folder < 0).all()
    return bool(by_usage or (set(folder) == set(range(len(USAGES))) and (faces.usage < 0).all()))


def find_votes(csv: str, votes_file: str | None = None, fix: str = NAME_VOTES) -> tuple[Files, str]:
    """Returns where the votes for the faces of `csv`, a path as in `Faces.sources`, lie, and the name of their file."""
    if votes_file:
        path = Path(os.path.abspath(os.path.expanduser(votes_file)))
        if not path.is_file():
            raise UserError(f"labels.votes_file: no such file: {path}; {GET}")
        return SingleFile(path), path.name
    heads = (csv[: colon.start()] for colon in re.finditer(":", csv))
    archive = next((Path(head) for head in heads if os.path.isfile(head)), None)
    folder = (archive or Path(csv)).parent
    with readable(folder):
        beside = [path for path in folder.iterdir() if path.name.casefold() == NAME and path.is_file()]
    if beside:
        return SingleFile(beside[0]), beside[0].name
    files = files_at(archive) if archive else None
    packed = [name for name in files.names if posixpath.basename(name).casefold() == NAME] if files else []
    if files is None or not packed:
        raise UserError(f"no {NAME} beside {csv}; {GET}, put it into {folder}{fix}")
    return files, packed[0]


def read_votes(files: Files, name: str) -> Votes:
    """Returns the votes in a table with columns in any order and case. Blank lines are no rows.

    Raises UserError naming file and line.
    """
    where, fix = files.path(name), f"{GET} again"
    _, data = next(iter(files.read([name])))
    check_no_pointer(data, where)
    as_text = {"dtype": str, "na_filter": False, "skip_blank_lines": False, "encoding_errors": "replace"}
    try:
        table = pd.read_csv(io.BytesIO(data), header=None, encoding="utf-8-sig", **as_text)
    except ValueError as error:
        raise UserError(f"{where}: not a table of votes ({brief(error)}); {fix}") from error
    table = table.fillna("").apply(lambda column: column.str.strip())  # lines may be short
    table.columns = table.iloc[0].str.casefold()
    table = table.iloc[1:]
    table = table[(table != "").any(axis=1)]
    lacking = [column for column in ("usage", "image name", *COLUMNS) if column not in table]
    if lacking:
        raise UserError(f"{where}, line 1: no column {', '.join(lacking)}; {fix}")
    counts = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    bad = np.argwhere(~((counts >= 0) & (counts < 1000) & (counts == np.floor(counts))))
    for row, column in bad[:1]:
        value, line = table[COLUMNS[column]].iloc[row][:20], table.index[row] + 1
        raise UserError(f"{where}, line {line}: '{value}' in column {COLUMNS[column]}, expected an integer; {fix}")
    usage, names = table["usage"].to_numpy(str), table["image name"].to_numpy(str)
    return Votes(where, table.index.to_numpy() + 1, usage, names != "", counts.astype(np.int64))


def check_alignment(votes: Votes, faces: Faces, rows: np.ndarray, whole: bool) -> None:
    """Raises UserError for the first of `rows` whose Usage differs, and for too few rows of votes or, where the faces
    are the `whole` csv, too many."""
    size, csv = rows.max() + 1, faces.sources[0]
    fix = f"FER+ has a row for each row of the challenge's fer2013.csv: use both files unchanged; {GET}"
    there = rows < len(votes.usage)
    ours, theirs = np.array(["", *USAGES])[faces.usage[there] + 1], votes.usage[rows[there]]
    for row in np.flatnonzero((ours != "") & (ours != theirs))[:1]:
        line, face = votes.lines[rows[there][row]], faces.ids[there][row]
        raise UserError(f"{votes.where}, line {line}: Usage '{theirs[row][:20]}', but {csv} has {face}; {fix}")
    if len(votes.usage) < size or (whole and len(votes.usage) > size):
        row, lacking = (len(votes.usage), "votes") if len(votes.usage) < size else (size, "face")
        sizes = f"{len(votes.usage):,} rows for the {size:,} of {csv}"
        raise UserError(f"{votes.where}: {sizes}, no {lacking} for row {row}; {fix}")
