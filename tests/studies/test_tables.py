import pandas as pd

from fer.studies import tables
from fer.studies.claims import COLUMNS


def test_minutes_are_the_median_of_each_machine():
    runs = [{"fit_seconds": s, "hardware": {"cpu": c, "gpu": None}} for s, c in ((60, "x"), (180, "x"), (600, "y"))]
    assert tables.minutes(runs) == "3.0"
    assert tables.minutes(runs, {"x": "A", "y": "B"}) == "2.0 (A), 10.0 (B)"
    assert tables.minutes(runs[:2], {"x": "A"}) == "2.0"
    assert tables.minutes([]) == "–"


def test_emotions_stand_in_their_order_and_own_classes_behind():
    counts = {"counts": {"train": {"bored": 1, "sad": 1, "happy": 1}}}
    runs = [{"name": "r", "data": counts, "config": {"seed": 0}, "test/accuracy/sad": 0.5, "test/accuracy/happy": 1.0}]
    table = tables.per_emotion({"a": runs}, pd.DataFrame(columns=COLUMNS), "test")
    assert table.columns.tolist() == ["run", "happy", "sad", "bored"]
    assert table.iloc[0].tolist() == ["a", "100.0", "50.0", "–"]


def test_speed_is_the_median_of_the_fits_that_took_any_time():
    runs = [{"epochs": 2, "fit_seconds": s, "data": {"counts": {"train": {"a": 30, "b": 20}}}} for s in (0.0, 1.0, 4.0)]
    assert tables.speed(runs) == "62"
    assert tables.speed(runs[:1]) == "–"
