"""Tars of pictures and labels, as WebDataset has them."""

import shutil

import numpy as np
import pytest

from fer.data.fer2013 import read_fer2013
from fer.errors import UserError

from .grey_pictures import labels, save, write


def test_webdataset_shards_are_read_together(tmp_path):
    write(tmp_path / "classnames.txt", "angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
    number = 0
    for part, shards in (("train", 2), ("test", 1)):
        for shard in range(shards):
            folder = tmp_path / "made" / f"{part}{shard}"
            for row, code in enumerate((3, 4)):
                number += 10
                save(folder / f"s{row:07d}.png", number)
                write(folder / f"s{row:07d}.cls", str(code))
            (tmp_path / part).mkdir(exist_ok=True)
            shutil.make_archive(str(tmp_path / part / str(shard)), "tar", folder)
            shutil.rmtree(folder)
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {10: "happy", 20: "neutral", 30: "happy", 40: "neutral", 50: "happy", 60: "neutral"}
    assert np.bincount(faces.folder).tolist() == [4, 0, 2]
    (tmp_path / "classnames.txt").unlink()
    with pytest.raises(UserError, match=r"labels 3, 4 are numbers; .*labels.numbers"):
        read_fer2013([tmp_path])


@pytest.mark.parametrize(
    ("suffix", "text"),
    [("cls", "{}"), ("txt", "{}\n"), ("json", '{{"id": 3, "label": "{}"}}'), ("json", '{{"cls": "{}"}}')],
)
def test_shards_may_be_named_by_the_split_and_hold_names(tmp_path, suffix, text):
    for number, part in enumerate(("train-000000", "train-000001", "val-000000"), start=1):
        save(tmp_path / "made" / "000000.png", 10 * number)
        write(tmp_path / "made" / f"000000.{suffix}", text.format(("happy", "sad", "fear")[number - 1]))
        shutil.make_archive(str(tmp_path / "shards" / part), "tar", tmp_path / "made")
    faces = read_fer2013([tmp_path / "shards"])
    assert labels(faces) == {10: "happy", 20: "sad", 30: "fear"}
    assert faces.folder.tolist() == [0, 0, 1]


@pytest.mark.parametrize("suffix", ["txt", "json"])
def test_captions_in_a_tar_are_no_labels(tmp_path, suffix):
    save(tmp_path / "made" / "000000.png")
    write(tmp_path / "made" / f"000000.{suffix}", '{"caption": "a happy man"}')
    shutil.make_archive(str(tmp_path / "shards" / "train"), "tar", tmp_path / "made")
    with pytest.raises(UserError, match="no labels"):
        read_fer2013([tmp_path / "shards"])
