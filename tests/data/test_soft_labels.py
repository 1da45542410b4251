"""Soft labels from a file: reading, classes, mixing."""

import gzip

import numpy as np
import pytest

from fer.data.soft_labels import check_weight, mix, read_soft_labels, read_teachers
from fer.errors import UserError

TABLE = """id,angry,happy,sad
a,0.5,0.25,0.25
b,0,1,0
"""


@pytest.fixture
def file(tmp_path):
    def write(text: str = TABLE, name: str = "soft.csv") -> str:
        data = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(tmp_path / name)

    return write


def test_ids_are_sorted_and_rows_sum_to_one(file):
    soft = read_soft_labels(file("id,x,y\nb,0.333,0.666\na,0,1\n"))
    assert soft.ids.tolist() == ["a", "b"]
    assert soft.classes == ("x", "y")
    assert soft.probabilities == pytest.approx(np.array([[0, 1], [1 / 3, 2 / 3]]))


def test_the_digest_is_that_of_the_content(file):
    digest = read_soft_labels(file()).digest
    header, *lines = TABLE.splitlines()
    assert read_soft_labels(file(name="other.csv.gz")).digest == digest
    assert read_soft_labels(file("\n".join([header, *lines[::-1]]), "b.csv")).digest == digest
    assert read_soft_labels(file(TABLE.replace("0,1,0", "1,0,0"), "c.csv")).digest != digest


def test_only_rows_of_the_training_split_count(file):
    soft = read_soft_labels(file("split,id,true,predicted,x,y\ntrain,a,x,y,0,1\nval,b,x,x,1,0\n"))
    assert soft.ids.tolist() == ["a"]
    assert soft.classes == ("x", "y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,x\na,1\n", "at least two columns"),
        ("name,x,y\na,1,0\n", "a column id"),
        ("id,x,y\na,0.5,0.4\n", "line 2: expected 2 probabilities"),
        ("id,x,y\na,1,0\nb,1.5,-0.5\n", "line 3: expected 2 probabilities"),
        ("id,x,y\na,1,0\nb,one,0\n", "line 3: expected 2 probabilities"),
        ("id,x,y\na,nan,0\n", "line 2: expected 2 probabilities"),
        ("id,x,y\na,1,0\na,1,0\n", "line 3: a occurs a second time"),
        ("split,id,x,y\nval,a,1,0\n", "no row of the split train"),
        ("split,id,x,y\nval,a,1,0\ntrain,b,1,1\n", "line 3: expected 2 probabilities"),
        ("id,x,y\n", "no row"),
        ("", "not a table"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_in_one_line(file, text, message):
    with pytest.raises(UserError, match=message) as raised:
        read_soft_labels(file(text))
    assert "\n" not in str(raised.value)


def test_a_missing_or_damaged_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_soft_labels(str(tmp_path / "x.csv"))
    (tmp_path / "x.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(UserError, match="not a table"):
        read_soft_labels(str(tmp_path / "x.csv.gz"))


def test_several_teachers_count_with_their_mean(file):
    other = "id,sad,angry,happy\nb,0,0.5,0.5\na,0.75,0.25,0\n"
    soft = read_teachers([file(), file(other, "other.csv")])
    assert soft.classes == ("angry", "happy", "sad")
    assert soft.probabilities == pytest.approx(np.array([[0.375, 0.125, 0.5], [0.25, 0.75, 0]]))
    assert read_teachers([file()]).digest == read_teachers(file()).digest != soft.digest


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("id,angry,happy\na,1,0\nb,0,1\n", "other.csv: other classes than .*soft.csv"),
        ("id,angry,happy,sad\na,1,0,0\n", "other.csv: its images are not those of .*, for example b"),
    ],
)
def test_teachers_of_other_images_or_classes_are_refused(file, other, message):
    with pytest.raises(UserError, match=message):
        read_teachers([file(), file(other, "other.csv")])


def test_merged_classes_are_added_and_the_kept_ones_scaled(file):
    soft = read_soft_labels(file())
    assert soft.among(("happy", "angry", "sad")) == pytest.approx(np.array([[0.25, 0.5, 0.25], [1, 0, 0]]))
    assert soft.among(("happy", "sad")) == pytest.approx(np.array([[0.5, 0.5], [1, 0]]))
    assert soft.among(("angry", "happy"), {"sad": "angry"}) == pytest.approx(np.array([[0.75, 0.25], [0, 1]]))
    assert np.isnan(soft.among(("angry", "sad"))[1]).all()


def test_a_class_without_a_column_is_an_error(file):
    with pytest.raises(UserError, match="no column neutral; its classes are angry, happy, sad"):
        read_soft_labels(file()).among(("angry", "neutral"))


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_targets_are_the_weighted_mean_of_label_and_probabilities(file, weight):
    soft = read_soft_labels(file())
    hard = np.eye(3)[[2, 0, 1]]
    targets, note = mix(hard, np.array(["b", "a", "c"]), soft, soft.among(soft.classes), weight)
    assert targets.dtype == np.float32
    expected = (1 - weight) * hard[:2] + weight * np.array([[0, 1, 0], [0.5, 0.25, 0.25]])
    assert targets[:2] == pytest.approx(expected)
    assert targets[2].tolist() == [0, 1, 0]
    assert note == f"soft labels (weight {weight:g}) for 2 of 3 training images; 1 keep their own label"


def test_ids_that_are_no_training_images_are_counted(file):
    soft = read_soft_labels(file())
    _, note = mix(np.eye(3)[:1], np.array(["a"]), soft, soft.among(soft.classes), 0.5)
    assert note.endswith("1 of 1 training images; 1 ids of the file are no training images of this run")


def test_an_image_without_probability_for_any_kept_class_keeps_its_label(file):
    soft = read_soft_labels(file())
    targets, note = mix(np.eye(2), np.array(["a", "b"]), soft, soft.among(("angry", "sad")), 1.0)
    assert targets[1].tolist() == [0, 1]
    assert "1 of 2" in note


def test_a_file_of_other_images_is_an_error(file):
    soft = read_soft_labels(file())
    with pytest.raises(UserError, match="none of its 2 ids is a training image; the first is a"):
        mix(np.eye(3), np.array(["x", "y", "z"]), soft, soft.among(soft.classes), 0.5)


@pytest.mark.parametrize("weight", [-0.1, 1.1, True, None, "0.5", float("nan")])
def test_a_weight_outside_of_0_to_1_is_an_error(weight):
    with pytest.raises(UserError, match="expected a number from 0 to 1"):
        check_weight(weight)
