"""Reads FER2013 as one `Faces` record, in any layout; the files found decide which.

Where several lie in one place, the first of these is read: fer2013.csv, another csv with Usage, Parquet or Arrow files,
a list of a public data set, pictures in a folder per class, pictures whose names carry the expression, a csv without
Usage. Archives in a directory are opened where nothing of these but the last lies unpacked. Of one kind those are read
together that fill different roles, such as Train.zip and Test.zip; else it is an error.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from fer.data import csv_format, parquet, parquet_table, webdataset
from fer.data.csv_faces import FILE_ROLES, read_csv
from fer.data.csv_format import first_line, read_format, split_header, utf8_lines
from fer.data.csv_labels import csv_stem, is_fer2013
from fer.data.emotions import USAGES, emotion_of
from fer.data.faces import Faces, concatenate
from fer.data.files import Directory, Files, SingleFile, files_at
from fer.data.folders import NothingFound, read_folders
from fer.data.known_lists import known_lists, named_pictures
from fer.data.label_files import NAMES, read_label_file
from fer.data.labelling import Labelling
from fer.data.listings import Listing, read_listing
from fer.data.places import emotion_sets, places_of
from fer.data.reading import ARCHIVES, DEFAULT, Limits
from fer.data.unread import advice
from fer.errors import Setting, UserError

HOW_TO_GET = (
    "to get FER2013, download it from kaggle.com/datasets/msambare/fer2013 (free account, research use), put it into "
    "./data, packed or not, or name its place with ",
    Setting("data.root", "PATH"),
    " or FER2013_ROOT",
    Setting("data", "synthetic", before="; ", after=" needs no download"),
)
COLUMNS = "emotion, pixels and, if known, Usage"
FER2013_CSV, OTHER_CSV, TABLES, LISTED, FOLDERS, NAMED, CSV_WITHOUT_USAGE, UNFIT, UNREAD = range(9)


@dataclass(frozen=True)
class Candidate:
    """A data set that can be read; with rank UNFIT or UNREAD, reading it raises UserError with the reason why not."""

    rank: int
    where: str
    roles: frozenset[int]
    read: Callable[[str], Faces]  # takes data.on_bad_row
    unread: str  # the note where it is not read; "" for none


def read_fer2013(
    roots: Sequence[Path],
    on_bad_row: str = "error",
    labelling: Labelling | None = None,
    limits: Limits = DEFAULT,
) -> Faces:
    """Reads all labelled faces at `roots` (directories, csv files, zip or tar archives), classes in FER2013's order.

    Contempt is an eighth class where pictures show it. Raises UserError, and `NothingFound` where no known layout is.
    """
    labelling = labelling or Labelling()
    if labelling.file:
        everything = [files_at(root, limits) for root in roots]
        listings = [read_label_file(files, labelling.file, labelling.columns, on_bad_row) for files in everything]
        return joined([read_listing(listing, on_bad_row, labelling.numbers, labelling.names) for listing in listings])
    searches = [search(root, labelling, limits) for root in roots]
    best = []
    for root, candidates_there in zip(roots, searches, strict=True):
        best += choose(root, candidates_there)
    chosen = [candidate for candidate in best if candidate.rank < UNFIT] or best
    faces = joined([candidate.read(on_bad_row) for candidate in chosen])
    if labelling.numbers is not None:
        csvs = [candidate.where for candidate in chosen if is_fer2013(csv_stem(candidate.where))]
        faces = faces.noting([f"{csv}: labels.numbers does not apply; the codes are FER2013's" for csv in csvs])
    rest = [candidate for candidates_there in searches for candidate in candidates_there if candidate not in chosen]
    return faces.noting([candidate.unread for candidate in rest if candidate.unread])


def joined(parts: Sequence[Faces]) -> Faces:
    """Returns one record of parts with FER2013's emotions, of which some may have contempt."""
    classes = max((part.classes for part in parts), key=len)
    return concatenate([replace(part, classes=classes) for part in parts])


def search(root: Path, labelling: Labelling | None = None, limits: Limits = DEFAULT) -> list[Candidate]:
    """Returns every data set at `root`."""
    labelling = labelling or Labelling()
    files = files_at(root, limits)
    unpacked = list(candidates(files, labelling))
    if not isinstance(files, Directory) or any(candidate.rank < CSV_WITHOUT_USAGE for candidate in unpacked):
        return unpacked or [unread(files)]
    archives = [name for name in files.names if name.lower().endswith(ARCHIVES)]
    packed = [candidate for name in archives for candidate in candidates(files_at(root / name, limits), labelling)]
    best = min((candidate.rank for candidate in unpacked), default=UNREAD)
    return unpacked + [candidate for candidate in packed if candidate.rank < best] or [unread(files)]


def choose(root: Path, found: list[Candidate]) -> list[Candidate]:
    """Returns those of the best rank. Raises UserError where two of them fill the same role, and where none is."""
    best = [candidate for candidate in found if candidate.rank == min(other.rank for other in found)]
    if best[0].rank == UNREAD:
        best[0].read("error")  # raises NothingFound
    filling = Counter(role for candidate in best for role in candidate.roles)
    rivals = [candidate.where for candidate in best if any(filling[role] > 1 for role in candidate.roles)]
    if rivals:
        setting = Setting("data.root", ("PATH", "…"))
        raise UserError(f"{root}: several data sets ({', '.join(rivals)}); name what to read with ", setting)
    return best


def candidates(files: Files, labelling: Labelling) -> Iterator[Candidate]:
    """Yields every known layout among `files`, archives in them unopened."""
    numbers, names = labelling.numbers, labelling.names
    for name in files.names:
        if name.lower().endswith(csv_format.SUFFIXES):
            yield from csv_candidate(files, name, labelling)
    yield from table_candidates(files, labelling)
    listings = list(known_lists(files))
    for listing in listings:
        yield listing_candidate(listing, LISTED, labelling)
    listed = {entry.picture for listing in listings for entry in listing.entries}
    by_name = named_pictures(files)
    if by_name and not emotion_sets(files, {}, names):  # folders of persons may be numbers
        yield listing_candidate(by_name, NAMED, labelling)
        return
    for base, pictures in emotion_sets(files, numbers, names).items():
        if not listed.isdisjoint(pictures):
            continue
        where = files.path(base).rstrip("/")
        roles = {place.role for place in places_of(files, pictures).values()}
        read = partial(read_folders, files, pictures, numbers=numbers, names=names)
        yield Candidate(FOLDERS, where, filled(roles), read, f"not used: {where}")


def listing_candidate(listing: Listing, rank: int, labelling: Labelling) -> Candidate:
    read = partial(read_listing, listing, numbers=labelling.numbers, names=labelling.names)
    unread = f"not used: {listing.where}" if rank == LISTED else ""
    roles = frozenset() if listing.layout == webdataset.LAYOUT else filled(listing.roles())  # shards belong together
    return Candidate(rank, listing.where, roles, read, unread)


def table_candidates(files: Files, labelling: Labelling) -> Iterator[Candidate]:
    """Yields the Parquet and Arrow files as one data set."""
    try:
        tables = parquet.tables_of(files, labelling.columns)
    except UserError as error:
        yield unfit(str(error), "")
        return
    if tables:
        where = tables[0].where if len(tables) == 1 else str(files.root)
        roles = {parquet_table.role_of_file(table.name) for table in tables}
        read = partial(parquet.read_tables, tables, numbers=labelling.numbers, names=labelling.names)
        yield Candidate(TABLES, where, filled(roles), read, f"not used: {where}")


def unread(files: Files) -> Candidate:
    """Returns a data set that is none: reading it raises `NothingFound` with what lies there instead, if known."""
    text = advice(files)

    def read(on_bad_row: str) -> Faces:
        if text:
            raise NothingFound(text)
        raise NothingFound(f"{files.root}: no csv with emotion and pixels, no folder per emotion; ", *HOW_TO_GET)

    return Candidate(UNREAD, str(files.root), frozenset(), read, "")


def csv_candidate(files: Files, name: str, labelling: Labelling) -> Iterator[Candidate]:
    """Yields the csv as FER2013, or as something close to it that cannot be read; nothing for any other csv."""
    where, stem, single = files.path(name), csv_stem(name), isinstance(files, SingleFile)
    meant = single or stem == "fer2013"
    encoding, lines = utf8_lines(files, name)
    header = first_line(lines)
    shown = ", ".join(split_header(header, csv_format.separator_of(header)))
    try:
        fmt = read_format(header, encoding, labelling.columns, where)
    except UserError as error:
        if meant:
            yield unfit(str(error), "", FER2013_CSV)
        return
    columns = set(fmt.columns)
    has_pixels = "pixels" in columns or bool(fmt.pixel_columns)
    if "emotion" in columns and has_pixels:
        rank = FER2013_CSV if stem == "fer2013" else OTHER_CSV
        if "usage" not in columns:
            rank = CSV_WITHOUT_USAGE
        read = partial(read_csv, files, name, labelling=labelling)
        yield Candidate(rank, where, filled({FILE_ROLES.get(stem, -1)}), read, f"not used: {where}")
    elif {"image name", "nf"} <= columns:
        yield unfit(where, "FER+ votes without pixels; put fer2013.csv beside it")
    elif has_pixels and len(list(filter(emotion_of, columns))) > 1:
        yield unfit(where, "a column for each class; put the name of the class into one column, emotion", FER2013_CSV)
    elif has_pixels:
        lack = "pixels without emotion labels serve prediction only"
        yield unfit(where, f"{lack}; add train.csv or fer2013.csv", unread=f"{where}: {lack}")
    elif "emotion" in columns and columns & set(NAMES["path"]):
        fix = f"to read the pictures, type data.root=FOLDER data.labels={where}"
        yield unfit(where, f"a list of pictures and labels; {fix}", FER2013_CSV if single else UNFIT)
    elif {"emotion", "pixels"} <= set(shown.split()):
        fix = "save it with commas, semicolons or tabs between columns"
        yield unfit(where, f"columns {shown[:200]} are separated by blanks; {fix}", FER2013_CSV if meant else UNFIT)
    elif "emotion" in columns or meant:
        fix = "correct the header, or name columns with data.columns='{label: NAME, pixels: NAME}'"
        yield unfit(where, f"columns {shown[:200]}; expected {COLUMNS}: {fix}", FER2013_CSV if meant else UNFIT)


def filled(roles: set[int]) -> frozenset[int]:
    """Returns the roles that a data set fills: all of them where it has faces without a role."""
    return frozenset(roles if min(roles) >= 0 else range(len(USAGES)))


def unfit(where: str, complaint: str, rank: int = UNFIT, unread: str = "") -> Candidate:
    def read(on_bad_row: str) -> Faces:
        raise UserError(f"{where}: {complaint}" if complaint else where)

    return Candidate(rank, where, frozenset(), read, unread)
