from pathlib import Path

import pytest

from fer.errors import UserError
from fer.evaluation.input_names import unique_names


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
    assert unique_names([Path(path) for path in paths]) == names


def test_the_same_input_twice_is_refused():
    with pytest.raises(UserError, match="a is given twice"):
        unique_names([Path("a"), Path("b"), Path("a")])
