from pathlib import Path

import pytest

from fer.errors import UserError
from fer.evaluation.input_names import as_typed, from_here, unique_names
from fer.shipped import WEIGHTS


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["runs/mine/adam/seed-0"], ["mine/adam/seed-0"]),
        (["runs/mine/adam/seed-0/predictions.csv"], ["mine/adam/seed-0"]),
        (["runs/mine/adam/seed-0/checkpoints/best.ckpt"], ["adam/seed-0/best"]),
        (["experiments/mine/adam-seed-0.csv.gz"], ["mine/adam-seed-0"]),
        ([f"{WEIGHTS}/tiny.pt", "runs/mine/adam/seed-0"], ["tiny", "mine/adam/seed-0"]),
        (["a/x/y/z/seed-0", "b/x/y/z/seed-0"], ["a/x/y/z/seed-0", "b/x/y/z/seed-0"]),
    ],
)
def test_names_are_short_and_different(paths, names):
    assert unique_names([Path(path) for path in paths]) == names


def test_a_shipped_network_is_typed_by_its_name():
    assert [as_typed(path) for path in (WEIGHTS / "tiny.pt", Path("runs/a/b.pt"))] == ["tiny", "runs/a/b.pt"]


def test_data_below_the_current_folder_are_named_from_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert from_here(str(tmp_path / "data" / "fer2013.csv")) == "data/fer2013.csv"
    assert from_here("/elsewhere/fer2013.csv") == "/elsewhere/fer2013.csv"
    assert from_here("synthetic faces") == "synthetic faces"


def test_the_same_input_twice_is_refused():
    with pytest.raises(UserError, match="a is given twice"):
        unique_names([Path("a"), Path("b"), Path("a")])
