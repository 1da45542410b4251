from dataclasses import replace

import numpy as np
import pytest

from fer.data.emotions import EMOTIONS, USAGES
from fer.data.synthetic import synthetic_faces
from fer.errors import UserError
from fer.evaluation import subsets
from fer.evaluation.images import read_data

COLUMNS = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


@pytest.fixture
def datamodule(make_faces, write_csv, tmp_path):
    """Two images of each emotion for each Usage; the first of PublicTest is also the first of Training."""
    faces = make_faces(np.tile(np.arange(7), 6), usage=np.repeat([0, 1, 2], 14))
    faces.images[14] = faces.images[0]
    write_csv(tmp_path / "fer2013.csv", faces)
    return read_data({"source": "fer2013"}, [str(tmp_path)], None)


def write_votes(datamodule, folder, change) -> None:
    """Ten votes for the label of every row; `change` is applied to the (42, 10) counts in the file's order."""
    order = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear")
    counts = np.zeros((42, 10), int)
    counts[np.arange(42), [order.index(EMOTIONS[row % 7]) for row in range(42)]] = 10
    change(counts)
    rows = [f"{USAGES[row // 14]},fer{row:07d}.png,{','.join(map(str, votes))}" for row, votes in enumerate(counts)]
    (folder / "fer2013new.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")


def test_images_of_training_are_seen_by_their_pixels(datamodule):
    ids = datamodule.splits["val"].ids
    assert subsets.without_training_copies(datamodule, ids).tolist() == [row != "PublicTest_14" for row in ids]
    assert subsets.without_training_copies(datamodule, datamodule.splits["test"].ids).all()


def test_near_copies_of_training_images_are_seen_too(make_faces, write_csv, tmp_path):
    drawn = synthetic_faces(train=14, val=14, test=14, seed=0)
    images = drawn.images.copy()
    images[15] = np.clip(np.roll(images[1].astype(int), 1, axis=1) + 10, 0, 255)
    write_csv(tmp_path / "fer2013.csv", replace(drawn, images=images))
    moved = read_data({"source": "fer2013"}, [str(tmp_path)], None)
    ids = moved.splits["val"].ids
    assert subsets.without_training_copies(moved, ids).all()
    assert np.flatnonzero(~subsets.without_training_copies(moved, ids, near=True)).tolist() == [1]


def test_other_images_than_those_predicted_are_refused(datamodule):
    with pytest.raises(UserError, match=r"lacks 1 of the 2 images .*, other_3 among them"):
        subsets.without_training_copies(datamodule, np.array(["PublicTest_14", "other_3"]))


def test_a_label_is_agreed_on_by_the_majority(datamodule, tmp_path):
    def change(counts):
        counts[14] = [0, 0, 0, 0, 4, 0, 6, 0, 0, 0]  # angry, but most say fear
        counts[15] = [0, 5, 0, 0, 0, 5, 0, 0, 0, 0]  # disgust, but only half of them say so
        counts[16] = [0, 0, 0, 0, 0, 0, 4, 0, 0, 6]  # fear, but most see no face
        counts[17] = [0, 6, 0, 0, 0, 0, 0, 4, 0, 0]  # happy, and so say most

    write_votes(datamodule, tmp_path, change)
    part = datamodule.splits["val"]
    names = [datamodule.classes[label] for label in part.labels]
    agreed = dict(zip(part.ids, subsets.ferplus_agreement(datamodule, part.ids, names), strict=True))
    assert [row for row, same in agreed.items() if not same] == ["PublicTest_14", "PublicTest_15", "PublicTest_16"]


def test_without_votes_there_is_a_line(datamodule):
    part = datamodule.splits["val"]
    with pytest.raises(UserError, match=r"no fer2013new\.csv beside") as error:
        subsets.ferplus_agreement(datamodule, part.ids, ["sad"] * len(part))
    assert "labels.votes_file" not in str(error.value)


def test_votes_on_other_rows_are_refused(datamodule, tmp_path):
    write_votes(datamodule, tmp_path, lambda counts: None)
    with pytest.raises(UserError, match="its rows are not those of"):
        subsets.ferplus_agreement(datamodule, np.array(["PrivateTest_14", "x"]), ["sad", "sad"])


def test_drawn_faces_have_no_votes():
    drawn = read_data({"source": "synthetic", "synthetic": {"train": 14, "val": 7, "test": 7}}, None, None)
    with pytest.raises(UserError, match=r"FER\+ has a row for each row of fer2013\.csv"):
        subsets.ferplus_agreement(drawn, drawn.splits["val"].ids, ["sad"] * 7)
