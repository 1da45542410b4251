"""Joining the opinions of the runs of a cross-fitting."""

import json
import shutil

import pytest
import yaml

from fer import evaluate
from fer.data.soft_labels import read_soft_labels
from fer.errors import UserError
from fer.evaluation.opinions import merge

ROWS = {1: ["a", "c"], 2: ["b", "d", "e"]}


@pytest.fixture
def folders(tmp_path):
    """Two finished runs, of data.fold=1/2 and 2/2."""
    made = []
    for part, ids in ROWS.items():
        folder = tmp_path / f"run-{part}"
        folder.mkdir()
        counts = {"train": {"x": 5 - len(ids), "y": 0}, "val": {"x": 1, "y": 1}, "fold": {"x": len(ids), "y": 0}}
        config = {"output_dir": str(folder), "trainer": {}, "data": {"fold": f"{part}/2"}}
        data = {"fingerprint": "f", "path": [], "counts": counts}
        record = {"identity": "i", "status": "finished", "config": config, "data": data}
        (folder / "metrics.json").write_text(json.dumps(record))
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        lines = [f"train,{name},x,y,0.25,0.75" for name in ids]
        (folder / "opinions.csv").write_text("\n".join(["split,id,true,predicted,x,y", *lines, ""]))
        made.append(folder)
    return made


def change(folder, **changes):
    record = json.loads((folder / "metrics.json").read_text())
    for name, value in changes.items():
        if name == "fold":
            record["config"]["data"]["fold"] = value
        elif name == "status":
            record["status"] = value
        else:
            record["data"][name] = value
    (folder / "metrics.json").write_text(json.dumps(record))


@pytest.mark.parametrize("name", ["opinions.csv", "new/folder/opinions.csv.gz"])
def test_the_merged_file_holds_every_image_once_and_serves_as_soft_labels(folders, tmp_path, name, capsys):
    evaluate.main([*map(str, folders[::-1]), "--merge", str(tmp_path / name)])
    assert "5 training images of 2 parts; 0.0 % predicted as labelled" in capsys.readouterr().out
    soft = read_soft_labels(str(tmp_path / name))
    assert soft.ids.tolist() == ["a", "b", "c", "d", "e"]
    assert soft.classes == ("x", "y")
    assert soft.probabilities[0].tolist() == [0.25, 0.75]


def test_a_missing_part_is_an_error(folders, tmp_path):
    with pytest.raises(UserError, match=r"no run of data\.fold=2/2"):
        merge(folders[:1], tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_a_part_that_comes_twice_is_an_error(folders, tmp_path):
    shutil.copytree(folders[0], tmp_path / "again")
    with pytest.raises(UserError, match="several runs of part 1/2"):
        merge([*folders, tmp_path / "again"], tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": None}, "trained without data.fold"),
        ({"fold": "2/3"}, "different numbers of parts"),
        ({"status": "interrupted"}, "is interrupted; finish it"),
        ({"fingerprint": "g"}, "different training splits"),
        ({"counts": {"train": {"x": 9, "y": 0}, "fold": {"x": 3, "y": 0}}}, "different training splits"),
    ],
)
def test_runs_that_do_not_belong_together_are_an_error(folders, tmp_path, changes, message):
    change(folders[1], **changes)
    with pytest.raises(UserError, match=message):
        merge(folders, tmp_path / "x.csv")


def test_overlapping_and_incomplete_parts_are_errors(folders, tmp_path):
    path = folders[1] / "opinions.csv"
    text = path.read_text()
    path.write_text(text.replace("train,b", "train,a"))
    with pytest.raises(UserError, match="a occurs in several of the runs"):
        merge(folders, tmp_path / "x.csv")
    path.write_text("\n".join(text.splitlines()[:-1]))
    with pytest.raises(UserError, match="expected 3 images of the split train"):
        merge(folders, tmp_path / "x.csv")
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        merge(folders, tmp_path / "x.csv")


def test_another_ending_is_an_error(folders, tmp_path):
    with pytest.raises(UserError, match="expected the name of a"):
        merge(folders, tmp_path / "x.txt")
