import pytest

from fer import console


@pytest.mark.parametrize(("seconds", "words"), [(45.2, "45 s"), (720, "12 min"), (12_240, "3.4 h")])
def test_durations_are_in_the_unit_one_would_say(seconds, words):
    assert console.duration(seconds) == words


@pytest.mark.parametrize(
    ("loss", "decimals", "text"), [(1.23456, 4, "1.2346"), (0.5, 3, "0.500"), (61146984.0, 4, "6.115e+07")]
)
def test_a_loss_that_explodes_stays_short(loss, decimals, text):
    assert console.loss_text(loss, decimals) == text


def test_the_table_of_counts_lines_up():
    lines = console.counts_table({"train": {"angry": 3995, "surprise": 7}, "val": {"angry": 0, "surprise": 12}})
    assert len({len(line) for line in lines}) == 1
    assert lines[1].split() == ["train", "3,995", "7", "4,002"]
