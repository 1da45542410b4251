from pathlib import Path

import pytest

from fer import stored
from fer.errors import UserError
from fer.evaluation import inputs
from fer.evaluation.options import EvaluationOptions


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing", None, "no such file or folder"),
        ("x.txt", b"x", "expected a run's folder"),
        ("x.ckpt", b"hello", "not a checkpoint"),
        ("x.csv", b"a,b\n1,2\n", "not a table of predictions"),
        (".", None, "not a run"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(tmp_path, name, content, message):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message) as error:
        inputs.read(tmp_path / name, "x", EvaluationOptions())
    assert "\n" not in str(error.value)


def write(path: Path) -> Path:
    path.write_text("split,id,true,predicted,happy,sad\nval,1,sad,sad,0.1,0.9\nval,2,happy,happy,0.8,0.2\n")
    return path


def test_a_missing_split_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no split test; there are val"):
        inputs.read(write(tmp_path / "a.csv"), "a", EvaluationOptions(split="test"))


def test_views_of_faces_need_the_network(tmp_path):
    with pytest.raises(UserError, match="--tta needs the network"):
        inputs.read(write(tmp_path / "a.csv"), "a", EvaluationOptions(tta="flip"))


def test_a_stored_file_knows_its_data_from_the_record_beside_it(tmp_path):
    record = {"data": {"origin": "SYNTHETIC FACES"}, "config": {"study": "s"}}
    stored.write(tmp_path, {"a-seed-0": record, "a-seed-1": {"data": {"origin": "others"}}})
    source = inputs.read(write(tmp_path / "a-seed-0.csv.gz".removesuffix(".gz")), "a", EvaluationOptions())
    assert "SYNTHETIC" in source.description[0]
    assert source.study is None
