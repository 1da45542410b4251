import numpy as np
import pytest

from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.errors import UserError
from fer.evaluation.images import read_data
from fer.evaluation.options import is_data_option, parse_data
from fer.evaluation.other_data import OtherData

TRAINING = {"source": "auto", "root": "elsewhere", "limit": 3, "fold": "1/2", "numbers": "rafdb", "labels": "x.csv"}
TRAINING |= {"held_out": "gone", "per_class": {"val": 1}, "votes": "majority", "rename": "{a: sad}"}


@pytest.fixture
def ckplus(tmp_path, make_faces, write_csv):
    """CK+ as csv, with Usage and contempt."""
    faces = make_faces(np.tile(range(8), 6), usage=np.repeat([0, 1, 2], 16), classes=WITH_CONTEMPT)
    return str(write_csv(tmp_path / "ckextended.csv", faces))


def test_options_of_the_training_do_not_describe_other_data(ckplus):
    module = read_data(TRAINING, [ckplus], EMOTIONS)
    assert {split: len(part) for split, part in module.splits.items()} == {"train": 14, "val": 14, "test": 14}
    assert module.left_out == {"contempt": 6}
    assert module.absent == []
    assert any("not FER+ votes as in training" in note for note in module.warnings)


def test_every_image_may_be_one_split(ckplus):
    module = read_data(TRAINING, [ckplus], EMOTIONS, everything=True)
    assert len(module.splits["all"]) == 42
    assert not len(module.splits["train"])


@pytest.mark.parametrize(("everything", "names"), [(False, ("train", "val", "test")), (True, ("all",))])
def test_a_typed_limit_counts(ckplus, everything, names):
    module = read_data(TRAINING, [ckplus], EMOTIONS, typed={"limit": 7}, everything=everything)
    assert [len(module.splits[name]) for name in names] == [7] * len(names)


@pytest.mark.parametrize(
    ("typed", "everything", "reason"),
    [
        ({"held_out": "x"}, False, r"data\.held_out belongs to a training"),
        ({"soft": "x"}, True, r"labels\.soft belongs to a training"),
        ({"per_class": {"val": 1}}, True, r"data\.per_class goes with splits"),
    ],
)
def test_what_cannot_count_is_refused(ckplus, typed, everything, reason):
    with pytest.raises(UserError, match=reason):
        read_data(TRAINING, [ckplus], EMOTIONS, typed=typed, everything=everything)


def test_data_without_training_images_are_read(tmp_path, make_faces, write_pictures):
    faces = make_faces([0, 3, 4, 6] * 3)
    root = str(write_pictures(tmp_path / "p", faces, "test/{emotion}/{row}.png"))
    module = read_data({}, [root], EMOTIONS)
    assert {split: len(part) for split, part in module.splits.items()} == {"train": 0, "val": 0, "test": 12}
    assert module.absent == ["disgust", "fear", "surprise"]


def test_data_that_hold_nothing_out_say_so(tmp_path, make_faces, write_pictures):
    root = str(write_pictures(tmp_path / "p", make_faces([*range(7)] * 4), "{emotion}/{row}.png"))
    module = read_data({}, [root], EMOTIONS)
    assert isinstance(module, OtherData)
    assert any(
        "The data have no validation split: 7 images were cut off; --split all" in line for line in module.remarks
    )
    assert module.splits["train"].images.dtype == module.splits["val"].images.dtype


def test_votes_are_used_where_they_are(tmp_path, faces, write_csv, write_ferplus):
    write_csv(tmp_path / "d" / "fer2013.csv", faces.take(np.array([0])))
    table = write_ferplus(tmp_path / "d")
    table.write_text(table.read_text().replace("4,0,0,1,3,2", "9,0,0,1,0,0"))
    module = read_data({"votes": "majority"}, [str(tmp_path / "d")], WITH_CONTEMPT, everything=True)
    assert module.splits["all"].labels.tolist() == [WITH_CONTEMPT.index("neutral")]


def test_options_of_the_data_are_those_of_training():
    words = ["data=folder", "data.labels=a b.csv", "labels.rename={Suprise: surprise}", "data.columns={label: y}"]
    assert all(map(is_data_option, words))
    assert not any(map(is_data_option, ["runs/data=x", "--data", "latest", "database/x.csv"]))
    assert parse_data(words) == {
        "source": "folder",
        "labels": "a b.csv",
        "rename": "{Suprise: surprise}",
        "columns": "{label: y}",
    }
    assert parse_data([]) == {}
