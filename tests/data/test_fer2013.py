import shutil
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fer.data.class_numbers import KNOWN
from fer.data.csv_values import BadRow, parse_pixels
from fer.data.emotions import EMOTIONS
from fer.data.fer2013 import read_fer2013
from fer.data.folders import NothingFound
from fer.data.labelling import Labelling
from fer.data.splits import SPLITS, assign_roles
from fer.errors import UserError

PIXELS = " ".join(["7"] * 2304)
ROW = f"3,{PIXELS},Training"


@pytest.fixture
def here(tmp_path):
    """A folder with a neutral name and nothing beside it."""
    (tmp_path / "above" / "here").mkdir(parents=True)
    return tmp_path / "above" / "here"


@pytest.fixture
def read_text(here):
    """Reads a csv of this text."""

    def read(text: str | bytes, on_bad_row: str = "error", name: str = "fer2013.csv"):
        (here / name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_fer2013([here / name], on_bad_row)

    return read


def complaint(read, *arguments, **options) -> str:
    """The one line that reading raises."""
    with pytest.raises(UserError) as error:
        read(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_layout_is_recognised_however_it_is_packed(layout, packing, faces, rows_of, here):
    expected = layout(here, faces)
    found = read_fer2013([packing(here)])
    assert rows_of(found) == rows_of(expected)
    assert found.classes == EMOTIONS
    assert len(set(found.ids)) == len(found)


def test_every_layout_can_be_one_of_a_list(layout, faces, make_faces, write_csv, rows_of, here, tmp_path):
    expected = layout(here, faces)
    other = make_faces([0, 1], usage=0, seed=1)
    found = read_fer2013([here, write_csv(tmp_path / "more.csv", other)])
    assert rows_of(found) == sorted(rows_of(expected) + rows_of(other))


@pytest.mark.parametrize(
    "header",
    ["emotion,pixels,Usage", "emotion, Usage, pixels", " Usage ,emotion,pixels", '"emotion","pixels","Usage"',
     "EMOTION,Pixels,usage"],
)  # fmt: skip
def test_columns_go_by_name_in_any_order_case_and_with_blanks(header, faces, write_csv, rows_of, here):
    assert rows_of(read_fer2013([write_csv(here / "any.csv", faces, header)])) == rows_of(faces)


def test_train_and_test_are_read_as_two_files_or_archives(faces, write_pictures, rows_of, here):
    write_pictures(here, faces, "{part}/{emotion}/{usage}_{row}.png")
    whole = read_fer2013([here])
    assert rows_of(read_fer2013([here / "train", here / "test"])) == rows_of(whole)
    for part in ("train", "test"):
        shutil.make_archive(str(here.parent / "zips" / part), "zip", root_dir=here / part)
    assert rows_of(read_fer2013([here.parent / "zips"])) == rows_of(whole)


def test_a_zip_packed_with_its_folder_is_read_like_the_folder(faces, write_pictures, rows_of, here):
    write_pictures(here, faces, "{part}/{emotion}/{usage}_{row}.png")
    archive = shutil.make_archive(str(here.parent / "x"), "zip", root_dir=here.parent, base_dir="here")
    assert rows_of(read_fer2013([here.parent / "x.zip"])) == rows_of(read_fer2013([here]))
    assert zipfile.is_zipfile(archive)


def test_rows_keep_their_number_in_the_file_as_id(faces, write_csv, here):
    shuffled = faces.take(np.random.default_rng(0).permutation(len(faces)))
    ids = read_fer2013([write_csv(here / "fer2013.csv", shuffled)]).ids
    names = ("Training", "PublicTest", "PrivateTest")
    assert ids.tolist() == [f"{names[usage]}_{row}" for row, usage in enumerate(shuffled.usage)]


def test_a_csv_without_usage_named_for_a_split_fills_it(faces, write_csv, rows_of, here):
    for usage, name in enumerate(("train", "val", "test")):
        write_csv(here / f"{name}.csv", faces.take(faces.usage == usage), "emotion,pixels")
    expected = replace(faces, folder=faces.usage, usage=np.full_like(faces.usage, -1))
    assert rows_of(read_fer2013([here])) == rows_of(expected)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n", "\n \n"])
@pytest.mark.parametrize(
    "row", [ROW, f'"3","{PIXELS}","Training"', f" 3 , {PIXELS} , Training ", ROW.replace(" ", "  ")]
)
def test_quotes_blanks_line_ends_and_byte_order_marks_do_not_matter(end, start, row, read_text):
    lines = ["emotion,pixels,Usage", row, "", "  ", row, "", ""]
    faces = read_text(start + end.join(lines))
    assert faces.labels.tolist() == [3, 3]
    assert faces.usage.tolist() == [0, 0]
    assert (faces.images == 7).all()


def test_the_last_line_needs_no_end(read_text):
    assert len(read_text(f"emotion,pixels,Usage\n{ROW}\n{ROW}")) == 2


BAD_ROWS = {
    f"3,{PIXELS[2:]},Training": "2303 pixels, expected 2304",
    f"3,{PIXELS} 7,Training": "2305 pixels, expected 2304",
    "3,,Training": "0 pixels, expected 2304",
    f"3,256{PIXELS[1:]},Training": "pixel value 256, expected 0 to 255",
    f"3,-1{PIXELS[1:]},Training": "pixel value -1, expected 0 to 255",
    f"3,4294967296{PIXELS[1:]},Training": "pixel value 4294967296",
    f"3,{'9' * 30}{PIXELS[1:]},Training": "pixel value 9223372036854775807",
    f"3,7.5{PIXELS[1:]},Training": "'7.5' among the pixels",
    f"3,{PIXELS[:-1]}x,Training": "'x' among the pixels",
    f"3,{PIXELS} end,Training": "'end' among the pixels",
    f"3,nan{PIXELS[1:]},Training": "'nan' among the pixels",
    f"3,{PIXELS[:-2]}...,Training": "pixels shortened to '...'",
    f"7,{PIXELS},Training": "emotion '7', expected one of 0 angry, 1 disgust",
    f"-1,{PIXELS},Training": "emotion '-1'",
    f"hapy,{PIXELS},Training": "emotion 'hapy', probably happy: type labels.rename='{hapy: happy}'",
    f"Ahegao,{PIXELS},Training": "emotion 'Ahegao', expected one of",
    f",{PIXELS},Training": "emotion ''",
    f"3.5,{PIXELS},Training": "emotion '3.5'",
    f"3,{PIXELS},trial": "Usage 'trial', expected Training, PublicTest, PrivateTest, or train, val, test",
    f"3,{PIXELS},": "Usage ''",
    f"3,{PIXELS}": "2 fields, expected 3 (emotion, pixels, usage)",
    f"3,{PIXELS},Training,": "4 fields, expected 3",
    "garbage": "1 fields, expected 3",
}


@pytest.mark.parametrize(("row", "expected"), BAD_ROWS.items(), ids=BAD_ROWS.values())
def test_a_bad_row_is_named_with_file_and_line(row, expected, read_text):
    message = complaint(read_text, f"emotion,pixels,Usage\n{ROW}\n\n{row}\n{ROW}\n")
    assert "fer2013.csv, line 4: " in message
    assert expected in message
    assert "data.on_bad_row=skip" in message


@pytest.mark.parametrize("row", BAD_ROWS, ids=BAD_ROWS.values())
def test_bad_rows_can_be_skipped_and_are_counted(row, read_text):
    faces = read_text(f"emotion,pixels,Usage\n{ROW}\n{row}\n{ROW}\n{row}\n", on_bad_row="skip")
    assert faces.ids.tolist() == ["Training_0", "Training_2"]
    assert "fer2013.csv: 2 bad rows skipped" in faces.notes[0]


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(0, 2303), st.integers(-5, 300), max_size=5))
def test_pixels_are_exactly_the_numbers_written_or_refused(edits):
    values = [edits.get(place, place % 256) for place in range(2304)]
    text = " ".join(map(str, values)).encode()
    if all(0 <= value <= 255 for value in values):
        assert parse_pixels(text) == (bytes(values), False)
    else:
        with pytest.raises(BadRow, match="pixel value"):
            parse_pixels(text)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30) | st.text("0123456789 .,+-ex\t\0", max_size=30).map(str.encode))
def test_no_garbage_gets_through(text):
    with pytest.raises(BadRow):
        parse_pixels(PIXELS.encode() + b" " + text + b" 7")


def test_older_numpy_which_only_warns_of_garbage_is_not_trusted(read_text, monkeypatch):
    def fromstring(*_args, **_options):
        warnings.warn("string or file could not be read to its end", DeprecationWarning, stacklevel=2)
        return np.full(2304, 7)

    monkeypatch.setattr(np, "fromstring", fromstring)
    assert "among the pixels" in complaint(read_text, f"emotion,pixels,Usage\n3,{PIXELS} x,Training\n")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("feeling,grey", "columns feeling, grey; expected emotion, pixels"),
        ("label,image", "a list of pictures and labels; to read the pictures, type data.root=FOLDER data.labels="),
        ("emotion pixels Usage", "columns emotion pixels usage are separated by blanks"),
        ("emotion,Usage", "columns emotion, usage"),
        (ROW, "no header, the first line is a row; write emotion,pixels,Usage above it"),
        ("", "no line with the names of columns"),
        ("pixels,Usage", "pixels without emotion labels"),
    ],
)
def test_wrong_columns_are_named(header, expected, read_text, here):
    assert expected in complaint(read_text, f"{header}\n{ROW if header else ''}\n")
    assert expected in complaint(read_fer2013, [here])


def test_a_broken_fer2013_csv_is_not_passed_over_for_something_else(faces, write_pictures, read_text, here):
    write_pictures(here, faces, "{part}/{emotion}/{usage}_{row}.png")
    complaint(read_text, "emotion pixels Usage\n")
    assert "fer2013.csv: columns emotion pixels usage" in complaint(read_fer2013, [here])


def test_a_row_of_millions_of_pixels_is_a_bad_row_like_any_other(read_text):
    text = f"emotion,pixels,Usage\n{ROW}\n3,{'1 ' * 3_000_000},Training\n{ROW}\n"
    message = complaint(read_text, text)
    assert "fer2013.csv, line 3: a line of more than 1,048,576 bytes, expected 2304 pixels" in message
    faces = read_text(text, on_bad_row="skip")
    assert faces.ids.tolist() == ["Training_0", "Training_2"]
    assert (faces.images == 7).all()


def test_a_header_is_not_looked_for_without_end(read_text):
    assert len(read_text("\n" * 900 + f"emotion,pixels,Usage\n{ROW}\n")) == 1
    assert "no line with the names of columns" in complaint(read_text, "\n" * 1100 + f"emotion,pixels,Usage\n{ROW}\n")


def test_codes_of_a_csv_stay_and_numbers_that_do_not_touch_them_are_noted(faces, write_csv, rows_of, here):
    found = read_fer2013([write_csv(here / "fer2013.csv", faces)], labelling=Labelling(KNOWN["affectnet"]))
    assert rows_of(found) == rows_of(faces)
    assert found.notes == (f"{here}/fer2013.csv: labels.numbers does not apply; the codes are FER2013's",)


def test_places_with_and_without_contempt_are_read_together(make_faces, write_csv, write_pictures, here):
    write_csv(here / "x.csv", make_faces([0, 6], usage=0))
    eight = make_faces([7, 3], seed=1, classes=(*EMOTIONS, "contempt"))
    found = read_fer2013([here / "x.csv", write_pictures(here / "y", eight, "test/{emotion}/{row}.png")])
    assert found.classes == (*EMOTIONS, "contempt")
    assert found.labels.tolist() == [0, 6, 7, 3]


def test_a_header_without_rows_is_an_error(read_text):
    assert "no usable row" in complaint(read_text, "emotion,pixels,Usage\n\n")


def test_ferplus_alone_has_no_pixels(write_ferplus, here):
    for place in (here, write_ferplus(here)):
        assert "FER+ votes without pixels; put fer2013.csv beside it" in complaint(read_fer2013, [place])


def test_ferplus_beside_fer2013_is_not_mentioned(faces, write_csv, write_ferplus, here):
    files = [write_csv(here / "fer2013.csv", faces), write_ferplus(here)]
    assert read_fer2013([here]).notes == ()
    assert read_fer2013(files).notes == ()


def test_unlabelled_test_csv_serves_prediction_only_and_says_so(faces, write_csv, here):
    files = [write_csv(here / "train.csv", faces, "emotion,pixels"), write_csv(here / "test.csv", faces, "pixels")]
    for place in ([here], files):
        notes = read_fer2013(place).notes
        assert notes == (f"{here}/test.csv: pixels without emotion labels serve prediction only",)


def test_unlabelled_test_csv_alone_is_an_error(faces, write_csv, here):
    for place in (write_csv(here / "test.csv", faces, "pixels"), here):
        assert "pixels without emotion labels" in complaint(read_fer2013, [place])


def test_the_folder_of_the_challenge_works_as_it_comes(faces, make_faces, write_csv, rows_of, here, tmp_path):
    write_csv(tmp_path / "pack" / "fer2013" / "fer2013.csv", make_faces([0], usage=0))
    shutil.make_archive(str(here / "fer2013"), "gztar", root_dir=tmp_path / "pack", base_dir="fer2013")
    write_csv(here / "icml_face_data.csv", faces, "emotion, Usage, pixels")
    write_csv(here / "train.csv", faces.take(faces.usage == 0), "emotion,pixels")
    write_csv(here / "test.csv", faces.take(faces.usage == 1), "pixels")
    (here / "example_submission.csv").write_text("emotion\n0\n0\n")
    found = read_fer2013([here])
    assert rows_of(found) == rows_of(faces)
    assert found.layout.startswith("icml_face_data.csv")
    assert f"not used: {here}/train.csv" in found.notes


def test_an_archive_with_usage_is_preferred_to_a_csv_without(faces, write_csv, rows_of, here, tmp_path):
    write_csv(tmp_path / "pack" / "fer2013.csv", faces)
    shutil.make_archive(str(here / "fer2013"), "gztar", root_dir=tmp_path / "pack")
    write_csv(here / "train.csv", faces.take(faces.usage == 0), "emotion,pixels")
    assert rows_of(read_fer2013([here])) == rows_of(faces)


PREFERENCE = ["fer2013.csv", "icml_face_data.csv", "train/happy/1.png", "mine.csv"]


@pytest.mark.parametrize("first", range(len(PREFERENCE)))
def test_of_several_kinds_the_documented_one_is_read_and_the_others_named(
    first, make_faces, write_csv, write_pictures, here
):
    for number, name in enumerate(PREFERENCE[first:]):
        few = make_faces([number], usage=0)
        if name.endswith(".png"):
            write_pictures(here / "pictures", replace(few, labels=np.array([number])), "train/{emotion}/1.png")
        else:
            write_csv(here / name, few, "emotion,pixels" if name == "mine.csv" else "emotion,pixels,Usage")
    found = read_fer2013([here])
    assert found.labels.tolist() == [0]
    assert len(found.notes) == len(PREFERENCE) - first - 1
    assert all(note.startswith(f"not used: {here}") for note in found.notes)


@pytest.mark.parametrize("names", [("a/fer2013.csv", "b/fer2013.csv"), ("one.csv", "two.csv")])
def test_several_of_one_kind_are_an_error_that_names_them(names, faces, write_csv, here):
    for name in names:
        write_csv(here / name, faces)
    message = complaint(read_fer2013, [here])
    assert all(str(here / name) in message for name in names)
    assert "data.root=" in message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/train/happy/1.png", "b/train/happy/1.png"),
        ("a/train/happy/1.png", "b/happy/1.png"),
        ("a/happy/1.png", "b/happy/1.png"),
    ],
)
def test_folders_that_fill_the_same_role_are_an_error_that_names_them(one, other, make_faces, write_pictures, here):
    for name in (one, other):
        write_pictures(here, make_faces([3]), name)
    assert f"{here}/a, {here}/b" in complaint(read_fer2013, [here])


def test_folders_that_fill_different_roles_are_read_together(make_faces, write_pictures, here):
    write_pictures(here, make_faces([3], seed=1), "Train_400/Train/Happy/Training_1.png")
    write_pictures(here, make_faces([3], seed=2), "Test_100/Test/happy/PublicTest_2.png")
    found = read_fer2013([here])
    assert found.folder.tolist() == [2, 0]
    assert found.sources == (f"{here}/Test_100", f"{here}/Train_400")


def test_pictures_without_a_class_folder_are_not_used_and_said(make_faces, write_pictures, here):
    for name in ("train/happy/1.png", "train/2.png", "3.png", "samples/4.png"):
        write_pictures(here, make_faces([3]), name)
    found = read_fer2013([here])
    assert found.ids.tolist() == ["train/happy/1"]
    assert found.notes == (f"{here}: 3 pictures outside of the class folders not used",)


def test_pictures_that_lie_in_two_packs_are_read_once(make_faces, write_pictures, here):
    for name in ("small/Test/Happy", "large/Test/happy"):
        write_pictures(here, make_faces([3]), f"{name}/PublicTest_2.png")
    found = read_fer2013([here / "small", here / "large"])
    assert found.ids.tolist() == ["PublicTest_2"]
    assert "1 image was there twice" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        *((name, r"no csv with emotion and pixels.*kaggle.*data.root") for name in ("notes.txt", "iris.csv")),
        ("cats/tom.png", r"1 picture such as cats/tom\.png and no labels.*data\.labels=FILE.*data=folder"),
    ],
)
def test_a_place_without_faces_says_how_to_get_them(name, message, here):
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).write_text("a,b\n1,2\n")
    with pytest.raises(NothingFound, match=message):
        read_fer2013([here])


def test_other_csvs_do_not_disturb(faces, write_csv, rows_of, here):
    write_csv(here / "fer2013.csv", faces)
    (here / "results.csv").write_text("emotion,accuracy\n0,1\n")
    (here / "empty.csv").touch()
    (here / "more.csv").write_text("pixels\n1\n")
    assert rows_of(read_fer2013([here])) == rows_of(faces)


def test_an_unreadable_archive_is_one_line(here):
    (here / "fer2013.tar.gz").write_bytes(b"half a download")
    assert "fer2013.tar.gz: not a readable archive" in complaint(read_fer2013, [here])
    assert "fer2013.tar.gz: not a readable archive" in complaint(read_fer2013, [here / "fer2013.tar.gz"])


@pytest.mark.real
def test_the_real_fer2013_has_the_official_counts(real_root):
    faces = read_fer2013([real_root])
    rows, official = assign_roles(faces)
    assert official
    assert {split: np.bincount(faces.labels[rows[split]]).tolist() for split in SPLITS} == {
        "train": [3995, 436, 4097, 7215, 4830, 3171, 4965],
        "val": [467, 56, 496, 895, 653, 415, 607],
        "test": [491, 55, 528, 879, 594, 416, 626],
    }


@pytest.mark.real
def test_the_real_packs_of_four_classes_hold_what_they_are_known_to_hold(real_fer4):
    train, small, large = (read_fer2013([real_fer4 / f"{name}.zip"]) for name in ("Train_400", "Test_100", "Test_250"))
    counts = [np.bincount(pack.labels, minlength=7)[[0, 3, 6, 4]].tolist() for pack in (train, small, large)]
    assert counts == [[100] * 4, [25] * 4, [72, 250, 250, 250]]
    assert [np.bincount(pack.usage, minlength=3).tolist() for pack in (train, small, large)] == [
        [400, 0, 0], [0, 46, 54], [0, 449, 373]
    ]  # fmt: skip
    assert len(read_fer2013([real_fer4 / f"{name}.zip" for name in ("Test_100", "Test_250")])) == 100 + 822 - 81
