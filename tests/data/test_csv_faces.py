"""Csv files of pixels as people save them."""

import bz2
import gzip
import lzma
import zipfile

import numpy as np
import pytest

from fer.data.class_names import parse_renames
from fer.data.csv_format import parse_columns
from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.data.fer2013 import read_fer2013
from fer.data.labelling import Labelling
from fer.errors import UserError

USAGES = ("Training", "PublicTest", "PrivateTest")


def table(faces, separator=",", header="emotion,pixels,Usage", label=str, usage=str, pixels=None, end="\n") -> str:
    """A csv of the faces, with each field written by the function given."""
    pixels = pixels or (lambda values: " ".join(map(str, values)))
    lines = [header.replace(",", separator)]
    for image, code, role in zip(faces.images, faces.labels, faces.usage, strict=True):
        lines.append(separator.join((label(int(code)), pixels(image.ravel().tolist()), usage(USAGES[role]))))
    return end.join([*lines, ""])


@pytest.fixture
def read(tmp_path):
    """Reads a csv of this text or content."""

    def read_content(content, name="mine.csv", encoding="utf-8", **options):
        path = tmp_path / "set" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return read_fer2013([path.parent], labelling=Labelling(**options))

    return read_content


def same(found, expected) -> bool:
    pairs = ((found.images, expected.images), (found.labels, expected.labels), (found.usage, expected.usage))
    return all(np.array_equal(one, other) for one, other in pairs)


@pytest.mark.parametrize(("separator", "word"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_other_separators_are_read_with_a_note(separator, word, faces, read):
    found = read(table(faces, separator))
    assert same(found, faces)
    assert [note.rpartition(": ")[2] for note in found.notes] == [f"read with {word} between columns"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_utf_16_is_read_with_a_note(encoding, end, faces, read):
    found = read(table(faces, end=end), encoding=encoding)
    assert same(found, faces)
    assert [note.rpartition(": ")[2] for note in found.notes] == ["read as UTF-16"]


def test_lines_may_end_with_a_carriage_return_alone(faces, read):
    assert same(read(table(faces, end="\r")), faces)


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_compressed_csv_is_read(suffix, pack, faces, read):
    found = read(pack(table(faces).encode()), f"fer2013.csv.{suffix}")
    assert same(found, faces)
    assert found.ids[0] == "Training_0"


def test_a_damaged_compressed_csv_is_one_line(faces, read):
    with pytest.raises(UserError, match=r"fer2013\.csv\.gz: .*cannot be read"):
        read(gzip.compress(table(faces).encode())[:5000], "fer2013.csv.gz")


def test_a_zipped_csv_is_read(faces, tmp_path):
    with zipfile.ZipFile(tmp_path / "fer2013.csv.zip", "w") as archive:
        archive.writestr("fer2013.csv", table(faces))
    assert same(read_fer2013([tmp_path]), faces)


@pytest.mark.parametrize(
    ("label", "remark"),
    [
        (lambda code: EMOTIONS[code], "with labels by name"),
        (lambda code: EMOTIONS[code].upper(), "with labels by name"),
        (lambda code: f"{code}.0", "with labels as 3.0"),
    ],
)
def test_labels_may_be_names_or_fractions(label, remark, faces, read):
    found = read(table(faces, label=label))
    assert same(found, faces)
    assert remark in found.notes[0]


@pytest.mark.parametrize("column", ["label", "labels", "class", "Expression", "emotions"])
def test_the_column_of_labels_may_have_another_name(column, faces, read):
    found = read(table(faces, header=f"{column},pixels,Usage"))
    assert same(found, faces)
    assert f"with '{column.lower()}' as emotion" in found.notes[0]
    assert "with the codes 0 angry, 1 disgust" in found.notes[0]


def test_two_columns_that_could_be_the_labels_are_an_error_unless_one_is_named(faces, read):
    text = table(faces, header="class,pixels,label")
    with pytest.raises(UserError, match=r"columns class and label .*data\.columns='\{label: class\}'"):
        read(text, "fer2013.csv")
    assert same(read(text, "fer2013.csv", columns=parse_columns("{label: class, split: label}")), faces)


def test_a_column_that_is_not_there_is_named(faces, read):
    with pytest.raises(UserError, match=r"no column 'feeling' \(data\.columns\); there are emotion, pixels, usage"):
        read(table(faces), "fer2013.csv", columns={"label": "feeling"})


def test_usages_in_another_case_are_official(faces, read):
    found = read(table(faces, usage=str.lower))
    assert same(found, faces)
    assert "usages as training, publictest, privatetest" in found.notes[0]


def test_usages_by_other_names_are_roles_and_not_official(faces, read):
    other = dict(zip(USAGES, ("train", "Val", "test"), strict=True))
    found = read(table(faces, usage=other.__getitem__, header="emotion,pixels,split"))
    assert set(found.usage) == {-1}
    assert np.array_equal(found.folder, faces.usage)


@pytest.mark.parametrize(
    "write",
    [
        lambda values: f'"{values}"',
        lambda values: '"' + ",".join(map(str, values)) + '"',
        lambda values: str(values).replace(",", ""),
        lambda values: '"' + str([float(value) for value in values]) + '"',
        lambda values: '"' + str(np.array(values).reshape(48, 48).tolist()) + '"',
    ],
)
def test_pixels_may_be_a_list(write, faces, read):
    found = read(table(faces, pixels=write))
    assert same(found, faces)
    assert "with pixels as a list" in found.notes[0]


@pytest.mark.parametrize(("name", "first"), [("pixel{}", 0), ("pixel_{}", 1), ("{}", 0), ("px{}", 1), ("Pixel {}", 0)])
def test_each_pixel_may_have_a_column(name, first, faces, read):
    names = ",".join(name.format(number) for number in range(first, first + 2304))
    text = table(faces, header=f"emotion,{names},Usage", pixels=lambda values: ",".join(map(str, values)))
    found = read(text)
    assert same(found, faces)
    assert "one column a pixel" in found.notes[0]


def test_columns_of_pixels_may_be_in_any_order(faces, read):
    order = np.random.default_rng(0).permutation(2304)
    names = ",".join(f"pixel{number}" for number in order)
    text = table(faces, header=f"emotion,{names},Usage", pixels=lambda values: ",".join(str(values[i]) for i in order))
    assert same(read(text), faces)


def test_a_gap_between_the_columns_of_pixels_is_an_error(faces, read):
    names = ",".join(f"pixel{number}" for number in [*range(2303), 2304])
    text = table(faces, header=f"emotion,{names},Usage", pixels=lambda values: ",".join(map(str, values)))
    with pytest.raises(UserError, match="columns emotion, pixel0"):
        read(text, "fer2013.csv")


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "id"])
def test_an_index_column_does_not_matter(name, faces, read):
    lines = table(faces).splitlines()
    text = "\n".join([f"{name},{lines[0]}", *(f"{number},{line}" for number, line in enumerate(lines[1:]))])
    assert same(read(text), faces)


def test_an_index_column_may_lack_a_header(faces, read):
    lines = table(faces).splitlines()
    found = read("\n".join([lines[0], *(f'"{number}",{line}' for number, line in enumerate(lines[1:], 1))]))
    assert same(found, faces)
    assert "with a first column of row numbers" in found.notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_foreign_labels_are_suggested_and_renamed(encoding, faces, read):
    def label(code):
        return "Ärger" if code == 0 else EMOTIONS[code]

    with pytest.raises(UserError, match=r"probably angry: type labels\.rename='\{Ärger: angry\}'"):
        read(table(faces, label=label), encoding=encoding)
    assert same(read(table(faces, label=label), encoding=encoding, names=parse_renames("{ärger: anger}")), faces)


def test_renamed_labels_may_be_left_out(faces, read):
    found = read(table(faces, label=lambda code: EMOTIONS[code]), names=parse_renames("{happy: null}"))
    assert 3 not in found.labels
    assert found.notes[1].endswith("6 rows left out as labels.numbers or labels.rename says")


@pytest.mark.parametrize("name", ["ckextended.csv", "CK+.csv", "ck.csv"])
def test_a_csv_of_ckplus_has_contempt(name, make_faces, read):
    faces = make_faces(range(8), usage=0, classes=WITH_CONTEMPT)
    found = read(table(faces), name)
    assert found.classes == WITH_CONTEMPT
    assert same(found, faces)


def test_other_codes_of_a_csv_are_those_of_labels_numbers(faces, read):
    found = read(table(faces), numbers=dict(enumerate(reversed(EMOTIONS))))
    assert np.array_equal(found.labels, 6 - faces.labels)
    assert "with the codes 0 neutral" in found.notes[0]


def test_a_git_lfs_pointer_is_called_so(read):
    with pytest.raises(UserError, match=r"fer2013\.csv: a Git LFS pointer.*git lfs pull"):
        read("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "fer2013.csv")


def test_a_list_of_pictures_says_how_to_read_it(tmp_path):
    (tmp_path / "list.csv").write_text("image,label\nx.png,3\n")
    with pytest.raises(UserError, match=r"data\.root=FOLDER data\.labels=.*list\.csv"):
        read_fer2013([tmp_path / "list.csv"])
