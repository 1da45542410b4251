import pandas as pd
import pytest

from fer.studies import tables


def claims(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["study", "figure", "value", "note"])


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([], ""),
        ([("a", "test/accuracy", "67.7", "")], "test 67.7"),
        ([("a", "test/accuracy", "67.70", "why"), ("a", "test/accuracy", "68", "")], "test 67.70 (why), test 68"),
        ([("a", "test/accuracy", "", "none stated")], "none stated"),
        ([("b", "test/accuracy", "1", ""), ("a", "train/accuracy", "2", "")], ""),
    ],
)
def test_claims_stand_as_they_were_written(rows, text):
    assert tables.claim(claims(*rows), "a", "test/accuracy") == text


def test_minutes_are_the_median_of_each_machine():
    runs = [{"fit_seconds": s, "hardware": {"cpu": c, "gpu": None}} for s, c in ((60, "x"), (180, "x"), (600, "y"))]
    assert tables.minutes(runs) == "3.0"
    assert tables.minutes(runs, {"x": "A", "y": "B"}) == "2.0 (A), 10.0 (B)"
    assert tables.minutes(runs[:2], {"x": "A"}) == "2.0"
    assert tables.minutes([]) == "–"


def test_emotions_stand_in_their_order_and_own_classes_behind():
    counts = {"counts": {"train": {"bored": 1, "sad": 1, "happy": 1}}}
    runs = [{"name": "r", "data": counts, "test/accuracy/sad": 0.5, "test/accuracy/happy": 1.0}]
    table = tables.per_emotion({"a": runs}, claims(), "test")
    assert table.columns.tolist() == ["study", "run", "happy", "sad", "bored"]
    assert table.iloc[0].tolist() == ["a", "r", "100.0", "50.0", "–"]


def typed(*options: str) -> list[dict]:
    return [{"command": f"python -m fer.train {line}"} for line in options]


def test_runs_that_are_all_combinations_are_one_sweep():
    runs = typed("lr=1 seed=0", "lr=1 seed=1", "lr=2 seed=0", "lr=2 seed=1")
    assert tables.commands(runs) == ["python -m fer.train -m lr=1,2 seed=0,1"]


def test_runs_on_two_sources_are_two_sweeps():
    runs = typed("lr=1 data.root=a", "lr=2 data.root=a", "lr=1 data.root=b cut=9", "lr=2 data.root=b cut=9")
    assert tables.commands(runs) == [
        "python -m fer.train -m lr=1,2 data.root=a",
        "python -m fer.train -m lr=1,2 data.root=b cut=9",
    ]


def test_runs_that_lack_a_combination_are_told_one_by_one():
    runs = typed("lr=1 seed=0", "lr=1 seed=1", "lr=2 seed=0")
    assert tables.commands([*runs, runs[0]]) == [run["command"] for run in runs]
