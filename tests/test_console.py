import pytest

from fer import console


@pytest.mark.parametrize(("seconds", "words"), [(45.2, "45 s"), (720, "12 min"), (12_240, "3.4 h")])
def test_durations_are_in_the_unit_one_would_say(seconds, words):
    assert console.duration(seconds) == words


@pytest.mark.parametrize(("columns", "rows"), [(40, 9), (80, 4), (160, 4)])
def test_the_table_of_counts_fits_the_terminal(columns, rows, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    emotions = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
    counts = dict.fromkeys(emotions, 1_234)
    lines = console.counts_table({"train": counts, "val": counts, "test": counts})
    assert len(lines) == rows
    assert max(map(len, lines)) <= columns
    assert sum(line.count("1,234") for line in lines) == 21
    assert sum(line.count("8,638") for line in lines) == 3


@pytest.mark.parametrize(
    ("loss", "decimals", "text"), [(1.23456, 4, "1.2346"), (0.5, 3, "0.500"), (61146984.0, 4, "6.115e+07")]
)
def test_a_loss_that_explodes_stays_short(loss, decimals, text):
    assert console.loss_text(loss, decimals) == text


def test_the_table_of_counts_lines_up():
    lines = console.counts_table({"train": {"angry": 3995, "surprise": 7}, "val": {"angry": 0, "surprise": 12}})
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["train", "3,995", "7", "4,002"]
