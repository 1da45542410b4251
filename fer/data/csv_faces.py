"""Reads faces from a csv with a row of pixels for each, such as fer2013.csv."""

import csv
import posixpath
from collections.abc import Iterator
from itertools import chain

import numpy as np

from fer.counting import counted
from fer.data.class_numbers import KNOWN, table
from fer.data.csv_format import PIXELS, Format, plain, read_format, utf8_lines
from fer.data.csv_labels import LEFT_OUT, Labels, code_table, csv_stem, is_ckplus
from fer.data.csv_values import BadRow, parse_pixels, parse_usage
from fer.data.emotions import EMOTIONS, USAGES, WITH_CONTEMPT
from fer.data.faces import Faces
from fer.data.files import Files
from fer.data.labelling import Labelling
from fer.data.reading import LINE
from fer.errors import UserError
from fer.preprocess import SIZE

FILE_ROLES = {"train": 0, "val": 1, "validation": 1, "test": 2}


def read_csv(files: Files, name: str, on_bad_row: str = "error", labelling: Labelling | None = None) -> Faces:
    """Reads one csv with a label and 2304 pixels a row, in any order of its columns. Blank lines are no rows.

    A note says what differs from FER2013's csv. Raises UserError for a row that cannot be used, unless `on_bad_row` is
    "skip".
    """
    where, stem, labelling = files.path(name), csv_stem(name), labelling or Labelling()
    encoding, lines = utf8_lines(files, name)
    rows = ((number, text) for number, text in enumerate(lines, start=1) if text.strip())
    fmt = read_format(next(rows)[1], encoding, labelling.columns, where)
    first = next(rows, None)
    if first is not None:
        fmt, rows = with_index(fmt, first[1]), chain([first], rows)
    labels = Labels(code_table(stem, labelling.numbers), labelling.names)
    parser = Parser(fmt, labels)
    pixels, kept, bad, left_out = bytearray(), [], 0, 0
    for number, (line, text) in enumerate(rows):
        try:
            image, label, usage, role = parser.parse(text)
        except BadRow as error:
            if on_bad_row != "skip":
                fix = "correct the row, or drop such rows with data.on_bad_row=skip"
                raise UserError(f"{where}, line {line}: {error}; {fix}") from None
            bad += 1
            continue
        if label == LEFT_OUT:
            left_out += 1
            continue
        pixels += image
        kept.append((label, usage, role, f"{USAGES[usage] if usage >= 0 else stem}_{number}"))
    if not kept:
        raise UserError(f"{where}: no usable row below the header ({bad} bad ones); fetch the file again")
    codes, usages, roles, ids = zip(*kept, strict=True)
    folder = np.array(roles, dtype=np.int8)
    return Faces(
        images=np.frombuffer(pixels, np.uint8).reshape(-1, SIZE, SIZE),
        labels=np.array(codes, dtype=np.int64),
        usage=np.array(usages, dtype=np.int8),
        folder=np.where(folder < 0, np.int8(FILE_ROLES.get(stem, -1)), folder),
        ids=np.array(ids),
        classes=WITH_CONTEMPT if max(codes) == len(EMOTIONS) else EMOTIONS,
        layout=f"{'CK+: ' if is_ckplus(stem) else ''}{posixpath.basename(name)} ({', '.join(_shortened(fmt))})",
        sources=(where,),
        notes=tuple(_notes(where, parser, bad, left_out)),
    )


def _shortened(fmt: Format) -> list[str]:
    """Returns the names of the columns, those of single pixels as one."""
    names = [name for position, name in enumerate(fmt.columns) if position not in set(fmt.pixel_columns)]
    return [*names, f"{PIXELS} pixels"] if fmt.pixel_columns else names


def _notes(where: str, parser: "Parser", bad: int, left_out: int) -> Iterator[str]:
    remarks = parser.remarks()
    if remarks:
        yield f"{where}: read {', '.join(remarks)}"
    if bad:
        yield f"{where}: {counted(bad, 'bad row')} skipped"
    if left_out:
        yield f"{where}: {counted(left_out, 'row')} left out as labels.numbers or labels.rename says"


def with_index(fmt: Format, row: bytes) -> Format:
    """Returns the format with an index column in front where the first row has one field more, a number."""
    fields = _quoted_fields(row, fmt.separator)
    if len(fields) != len(fmt.columns) + 1 or not fields[0].strip(b' "').isdigit():
        return fmt
    pixel_columns = tuple(position + 1 for position in fmt.pixel_columns)
    remarks = (*fmt.remarks, "with a first column of row numbers")
    return Format(("", *fmt.columns), fmt.separator, fmt.encoding, pixel_columns, remarks)


class Parser:
    """Parses the rows of a csv of this format."""

    def __init__(self, fmt: Format, labels: Labels):
        self.format, self.labels = fmt, labels
        self.separator = fmt.separator.encode()
        self.lists = False  # whether pixels were written as a list
        self.usages: dict[bytes, tuple[int, int]] = {name.encode(): (usage, -1) for usage, name in enumerate(USAGES)}

    def remarks(self) -> list[str]:
        """Returns how the rows differ from those of fer2013.csv."""
        remarks = [*self.format.remarks, *self.labels.remarks()]
        codes = self.labels.numbers
        if self.labels.numbered and (codes != KNOWN["fer2013"] or any("as emotion" in remark for remark in remarks)):
            remarks.append(f"with the codes {table(codes)}")
        if self.lists:
            remarks.append("with pixels as a list")
        if len(self.usages) > len(USAGES):
            remarks.append("with usages as " + ", ".join(plain(text) for text in [*self.usages][len(USAGES) :][:6]))
        return remarks

    def parse(self, text: bytes) -> tuple[bytes, int, int, int]:
        """Returns 2304 pixels of a byte each, the index of the label, that of the Usage and the role (-1 without).

        Raises BadRow.
        """
        if len(text) > LINE:
            raise BadRow(f"a line of more than {LINE:,} bytes, expected {PIXELS} pixels ({SIZE}×{SIZE})")
        columns = self.format.columns
        fields = text.split(self.separator)
        if len(fields) != len(columns):
            fields = _quoted_fields(text, self.format.separator)
        if len(fields) != len(columns):
            named = ", ".join(_shortened(self.format))
            raise BadRow(f"{len(fields)} fields, expected {len(columns)} ({named})")
        if self.format.pixel_columns:
            pixels = b" ".join([fields[position].strip(b' "\r\n\t') for position in self.format.pixel_columns])
        else:
            pixels = b""
        row = dict(zip(columns, (field.strip(b' "\r\n\t') for field in fields), strict=True))
        values, is_list = parse_pixels(pixels or row.get("pixels", b""))
        self.lists |= is_list
        return values, self.labels.code(row["emotion"]), *self.parse_usage(row.get("usage"))

    def parse_usage(self, text: bytes | None) -> tuple[int, int]:
        """Returns the index into USAGES, and 0 train, 1 validation, 2 test by another name; -1 for none."""
        if text is None:
            return -1, -1
        if text not in self.usages:
            self.usages[text] = parse_usage(text)
        return self.usages[text]


def _quoted_fields(text: bytes, separator: str) -> list[bytes]:
    """Returns the fields of a row in which quotes may enclose separators."""
    lines = [text.decode("utf-8", "surrogateescape")]
    try:
        fields = next(csv.reader(lines, delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a field that is longer than any row of pixels
        return []
    return [field.encode("utf-8", "surrogateescape") for field in fields]
