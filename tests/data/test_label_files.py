"""Tables of pictures and their labels: `data.labels=FILE`."""

import shutil

import numpy as np
import pytest
from PIL import Image

from fer.data.fer2013 import read_fer2013
from fer.data.labelling import Labelling
from fer.data.own_pictures import read_own
from fer.data.sources import read_faces
from fer.errors import UserError


@pytest.fixture
def root(tmp_path):
    """A folder with four pictures; grey levels 10, 20, 30, 40."""
    for value, name in ((10, "a/x.png"), (20, "a/y.jpg"), (30, "b/x.png"), (40, "z.png")):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (48, 48), value).save(tmp_path / "set" / name)
    return tmp_path / "set"


def read(root, *lines, on_bad_row="error", name="list.csv", reader=read_own, **options):
    (root.parent / name).write_text("\n".join(lines), encoding="utf-8")
    return reader([root], on_bad_row, Labelling(file=str(root.parent / name), **options))


def labels(faces) -> dict[int, str]:
    names = (faces.classes[label] for label in faces.labels)
    return dict(zip(faces.images[:, 0, 0].tolist(), names, strict=True))


EXPECTED = {10: "cat", 20: "dog", 30: "dog"}


@pytest.mark.parametrize(
    "lines",
    [
        ("path,label", "a/x.png,cat", "a/y.jpg,dog", "b/x.png,dog"),
        ("label;file", "cat;a/x.png", "dog;./a/y.jpg", "dog;b/x.png"),
        (",pth,class,other", "0,/home/me/set/a/x.png,cat,1", "1,a\\y.jpg,dog,2", "2,set/b/x,dog,"),
        ("image\tEmotion", "A/X.PNG\tcat", "y.png\tdog", "b/x\tdog"),
        ("a/x.png cat", "a/y.jpg dog", "b/x.png dog"),
        ("a/x.png,cat", "a/y.jpg,dog", "b/x.png,dog"),
    ],
)
def test_a_table_labels_pictures_however_it_is_written(lines, root):
    faces = read(root, *lines)
    assert labels(faces) == EXPECTED
    assert faces.classes == ("cat", "dog")
    assert faces.notes == (f"{root.parent}/list.csv: 1 picture beside it without a label not used",)


def test_columns_may_be_named(root):
    lines = ("what,label,wo", "cat,1,a/x.png", "dog,2,a/y.jpg", "dog,3,b/x.png")
    assert labels(read(root, *lines, columns={"label": "what", "path": "wo"})) == EXPECTED
    with pytest.raises(
        UserError, match=r"no column that names the path, only what, label, wo; type data\.columns='\{pa"
    ):
        read(root, *lines)
    with pytest.raises(UserError, match=r"no column 'where' \(data\.columns\); there are what, label, wo"):
        read(root, *lines, columns={"path": "where"})
    with pytest.raises(UserError, match=r"no column that names the label"):
        read(root, "path,x", "a/x.png,cat")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("c/x.png,cat", "no picture 'c/x.png'"),
        ("x.png,cat", "may be b/x.png or a/x.png; write more of the path"),
        ("a/x.png", "1 fields, expected 2"),
    ],
)
def test_a_row_without_a_picture_is_an_error_or_skipped(line, complaint, root):
    lines = ("path,label", "a/y.jpg,dog", line, "z.png,cat")
    with pytest.raises(UserError, match=r"list\.csv, line 3: ") as error:
        read(root, *lines)
    assert complaint in str(error.value)
    assert "data.on_bad_row=skip" in str(error.value)
    faces = read(root, *lines, on_bad_row="skip")
    assert labels(faces) == {20: "dog", 40: "cat"}
    assert "1 row skipped" in faces.notes[0]


def test_splits_and_persons_are_read(root):
    faces = read(root, "path,label,split,subject", "a/x.png,cat,train,7", "b/x.png,dog,Test,8", "z.png,dog,val,8")
    assert faces.folder.tolist() == [0, 2, 1]
    assert faces.persons.tolist() == ["7", "8", "8"]
    with pytest.raises(UserError, match=r"line 2: Usage 'third'"):
        read(root, "path,label,split", "a/x.png,cat,third")


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        ("box", '"(20, 10, 60, 50)"'),
        ("xmin,ymin,xmax,ymax", "20,10,60,50"),
        ("x1,y1,x2,y2", "20,10,60,50"),
        ("x,y,w,h", "20,10,40,40"),
        ("face_x,face_y,face_width,face_height", "20.0,10.0,40.0,40.0"),
    ],
)
def test_boxes_are_cut_out(header, fields, root):
    picture = Image.new("L", (100, 80))
    picture.paste(90, (20, 10, 60, 50))
    picture.save(root / "whole.png")
    faces = read(root, f"path,{header},label", f"whole.png,{fields},cat", f"a/x.png,{header and fields},dog")
    assert (faces.images[0] == 90).all()
    with pytest.raises(UserError, match="expected four numbers"):
        read(root, "path,box,label", 'whole.png,"1 2 3",cat')


def test_emotions_are_read_by_name_and_by_number(root):
    lines = ("path,label", "a/x.png,Anger", "b/x.png,sadness")
    assert labels(read(root, *lines, reader=read_fer2013)) == {10: "angry", 30: "sad"}
    numbers = ("path,label", "a/x.png,0", "b/x.png,1")
    with pytest.raises(UserError, match=r"labels 0, 1 are numbers; .*labels\.numbers="):
        read(root, *numbers, reader=read_fer2013)
    assert labels(read(root, *numbers, reader=read_fer2013, numbers={0: "neutral", 1: "happy"})) == {
        10: "neutral",
        30: "happy",
    }
    with pytest.raises(UserError, match=r"unknown label 'Freud' \(1 picture\); type labels\.rename='\{Freud: happy\}'"):
        read(root, "path,label", "a/x.png,Freud", reader=read_fer2013)


def test_the_table_may_lie_below_the_pictures_or_in_their_archive(root):
    (root / "labels.csv").write_text("path,label\na/x.png,cat\nb/x.png,dog\n")
    packed = shutil.make_archive(str(root.parent / "packed"), "zip", root_dir=root)
    for place in (str(root), packed):
        faces, _ = read_faces("folder", place, labels="labels.csv")
        assert labels(faces) == {10: "cat", 30: "dog"}
    faces, _ = read_faces("folder", labels=str(root / "labels.csv"))
    assert labels(faces) == {10: "cat", 30: "dog"}
    with pytest.raises(UserError, match=r"data\.labels: no file none\.csv, here or in"):
        read_faces("folder", str(root), labels="none.csv")


def test_a_changed_table_is_read_again(root):
    table = root.parent / "labels.csv"
    for label in ("cat", "bird"):
        table.write_text(f"path,label\na/x.png,{label}\nb/x.png,dog\n")
        faces, _ = read_faces("folder", str(root), labels=str(table))
        assert label in faces.classes


def test_several_places_have_the_classes_of_all(root, tmp_path):
    (tmp_path / "more").mkdir()
    shutil.copytree(root / "a", tmp_path / "more" / "zebra")
    faces = read_own([root, tmp_path / "more"])
    assert faces.classes == ("a", "b", "zebra")
    assert np.bincount(faces.labels).tolist() == [2, 1, 2]
