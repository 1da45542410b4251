import pytest

from fer.counting import counted


@pytest.mark.parametrize(("number", "words"), [(0, "0 faces"), (1, "1 face"), (2, "2 faces"), (1000, "1,000 faces")])
def test_one_is_no_plural(number, words):
    assert counted(number, "face") == words
