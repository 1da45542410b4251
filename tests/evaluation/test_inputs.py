from pathlib import Path

import pytest

from fer import stored
from fer.data.datamodule import FERDataModule
from fer.errors import UserError
from fer.evaluation import inputs, pixels
from fer.evaluation.inputs import EvaluationOptions


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/mine/adam/seed-0"], ["mine/adam/seed-0"]),
        (["runs/mine/adam/seed-0/predictions.csv"], ["mine/adam/seed-0"]),
        (["runs/mine/adam/seed-0/checkpoints/best.ckpt"], ["adam/seed-0/best"]),
        (["experiments/mine/adam-seed-0.csv.gz"], ["mine/adam-seed-0"]),
        (["a/x/y/z/seed-0", "b/x/y/z/seed-0"], ["a/x/y/z/seed-0", "b/x/y/z/seed-0"]),
    ],
)
def test_names_are_short_and_different(paths, names):
    assert inputs.names([Path(path) for path in paths]) == names


def test_the_same_input_twice_is_refused():
    with pytest.raises(UserError, match="a is given twice"):
        inputs.names([Path("a"), Path("b"), Path("a")])


def test_labels_are_a_file_or_a_list():
    assert inputs.classes_of("fer4") == ("angry", "happy", "sad", "neutral")
    assert inputs.classes_of("happy, sad") == inputs.classes_of("[happy,sad]") == ("happy", "sad")
    assert inputs.classes_of("fer7") is inputs.classes_of(None) is None
    with pytest.raises(UserError, match=r"--labels=fer5: expected one of fer4, fer7"):
        inputs.classes_of("fer5")


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


@pytest.mark.parametrize(("typed", "code"), [("{1: surprise}", 5), ("{1: anger}", 0), ("{1: sad, 2: null}", 4)])
def test_numbers_say_what_class_folders_of_other_data_mean(typed, code, tmp_path, make_faces, write_pictures):
    numbered = make_faces([1] * 20, classes=("0", "1", "2"))
    options = {"classes": None, "numbers": "fer2013"}
    root = str(write_pictures(tmp_path, numbered, "{emotion}/{row}.png"))
    module = FERDataModule("fer2013", root, numbers=inputs.numbers_of(typed))
    assert inputs.numbers_of("rafdb") == "rafdb"
    assert set(module._faces().labels) == {code}
    with pytest.raises(UserError, match="training holds no image"):
        pixels.read_data(options, [root], None, inputs.numbers_of(typed))
    with pytest.raises(UserError, match=r"are numbers; .*type --numbers=fer2013"):
        pixels.read_data({}, [root], None, None)


@pytest.mark.parametrize("typed", ["nonsense", "{1: hapy}", "{1: happy", "7"])
def test_numbers_that_are_none_are_one_line(typed, tmp_path):
    with pytest.raises(UserError, match=r"^--numbers") as error:
        pixels.read_data({}, [str(tmp_path)], None, inputs.numbers_of(typed))
    assert "\n" not in str(error.value)
