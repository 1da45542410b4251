"""Recognises public data sets whose labels stand in a list, or in the names of the pictures."""

from collections.abc import Iterator

from fer.data import ferplus_pictures, split_lists, webdataset, yolo
from fer.data.class_numbers import KNOWN
from fer.data.decoding import Box
from fer.data.files import Files
from fer.data.label_files import box_of, read_rows
from fer.data.list_files import emotion_for, folder_of, listing_of, named
from fer.data.listings import Listing, PictureIndex, entry_of
from fer.data.name_patterns import pattern_of, person_in
from fer.data.places import ROLES, image_names, stem_of

ORIGINAL_CKPLUS = dict(enumerate(("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")))
"""Codes of the original CK+ (Lucey et al. 2010), others than in its csv."""


def known_lists(files: Files) -> Iterator[Listing]:
    """Yields the public data sets among `files` that have a list."""
    for read in READERS:
        listing = read(files)
        if listing is not None:
            yield listing


def named_pictures(files: Files) -> Listing | None:
    """Returns the pictures as labelled by their own names (JAFFE, KDEF, …); None for other names."""
    names = image_names(files)
    pattern = pattern_of(names)
    if pattern is None or not pattern.labels:
        return None
    entries = []
    for name in names:
        match = pattern.name.fullmatch(stem_of(name))
        if match:
            person = person_in(match, pattern.data_set)
            entries.append(entry_of(name, pattern.labels[match["label"].upper()], person=person))
    if len({entry.label for entry in entries}) < 2:
        return None
    note = f"{files.root}: expressions and persons by the names of the pictures, as in {pattern.data_set}"
    return Listing(files, str(files.root), f"pictures named as in {pattern.data_set}", entries, (note,))


def rafdb(files: Files) -> Listing | None:
    """RAF-DB: `list_patition_label.txt` with rows such as `train_00001.jpg 5`; aligned pictures where there are any."""
    tables = named(files, r"list_par?tition_label\.txt")
    pictures = {stem_of(name): name for name in image_names(files)}
    entries = []
    for path in tables:
        first, rest = read_rows(files, path)
        for _, row in [(1, first), *rest]:
            stem = stem_of(row[0])
            picture = pictures.get(f"{stem}_aligned") or pictures.get(stem)
            if picture and len(row) == 2:
                role = ROLES.get(stem.partition("_")[0], -1)
                entries.append(entry_of(picture, emotion_for(row[1], KNOWN["rafdb"]), role=role))
    return listing_of(files, tables, "RAF-DB", entries, "labels with RAF-DB's codes")


def expw(files: Files) -> Listing | None:
    """ExpW: `label.lst` with picture, number of the face, top, left, right, bottom, confidence and label in a row."""
    tables = named(files, r"label\.lst")
    index = PictureIndex(files)
    entries = []
    for path in tables:
        first, rest = read_rows(files, path)
        for _, row in [(1, first), *rest]:
            picture = index.find(row[0])
            if picture and len(row) == 8:
                top, left, right, bottom = map(float, row[2:6])
                label = emotion_for(row[7], KNOWN["fer2013"])
                entries.append(entry_of(picture, label, Box(left, top, right, bottom)))
    return listing_of(files, tables, "ExpW", entries, "faces cut out, with the codes of FER2013")


def affectnet(files: Files) -> Listing | None:
    """AffectNet's csv: `subDirectory_filePath, face_x, face_y, face_width, face_height, …, expression, …`.

    Pictures that are listed in training.csv train, those of validation.csv are held out.
    """
    tables, entries = [], []
    index: PictureIndex | None = None
    for path in named(files, r".*\.csv"):
        header = next(files.lines(path), b"")[:2000].lower()
        if b"subdirectory_filepath" not in header or b"expression" not in header:
            continue
        tables.append(path)
        index = index or PictureIndex(files)
        names, rows = read_rows(files, path)
        columns = [name.lower() for name in names]
        role = ROLES.get(stem_of(path).lower(), -1)
        for _, row in rows:
            picture = index.find(row[columns.index("subdirectory_filepath")]) if len(row) == len(columns) else None
            if picture:
                label = emotion_for(row[columns.index("expression")], KNOWN["affectnet"])
                box = box_of(row, None, columns) if label else None  # no face has the box NULL
                entries.append(entry_of(picture, label, box, role=role))
    return listing_of(files, tables, "AffectNet", entries, "faces cut out, with AffectNet's codes")


def affectnet_annotations(files: Files) -> Listing | None:
    """AffectNet of 2021: `train_set/images/0.jpg` with `train_set/annotations/0_exp.npy`, a number in each."""
    tables = [path for path in named(files, r"\d+_exp\.npy") if folder_of(path) == "annotations"]
    pictures = {name.rpartition(".")[0]: name for name in image_names(files)}
    entries = []
    for path, content in files.read(tables):
        top = path.rpartition("annotations/")[0]
        picture = pictures.get(f"{top}images/{stem_of(path).removesuffix('_exp')}")
        if picture:
            role = ROLES.get(folder_of(f"{top}x").removesuffix("_set"), -1)
            entries.append(entry_of(picture, emotion_for(_last_number(content), KNOWN["affectnet"]), role=role))
    return listing_of(files, tables, "AffectNet", entries, "labels from annotations with AffectNet's codes")


def _last_number(content: bytes) -> str:
    """Returns the number in a .npy file, a text or an integer of any width, without loading it through pickle."""
    header, _, data = content.partition(b"\n")
    text = data.replace(b"\0", b"").decode("ascii", "replace")
    if b"'<i8'" in header or b"'<i4'" in header:
        return str(int.from_bytes(data, "little"))
    return text


def original_ckplus(files: Files) -> Listing | None:
    """CK+ as its authors give it: `S005_001_00000011.png`, and `S005_001_00000011_emotion.txt` for the last picture of
    a sequence that has a label."""
    tables = named(files, r"s\d{3}_\d{3}_\d{8}_emotion\.txt")
    pictures = {stem_of(name).lower(): name for name in image_names(files)}
    entries = []
    for path, content in files.read(tables):
        stem = stem_of(path).lower().removesuffix("_emotion")
        if stem in pictures:
            label = emotion_for(content.decode("ascii", "replace"), ORIGINAL_CKPLUS)
            entries.append(entry_of(pictures[stem], label, person=f"CK+ {stem.partition('_')[0].upper()}"))
    return listing_of(files, tables, "CK+", entries, "the last picture of each sequence")


READERS = (
    *(ferplus_pictures.listing, rafdb, expw, affectnet, affectnet_annotations, original_ckplus, yolo.listing),
    *(split_lists.listing, webdataset.listing),
)
"""Each returns the listing of its data set, or None where the files are not of it."""
