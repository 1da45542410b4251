from fer.evaluation import report


def test_numbers_that_are_none_become_null():
    assert report.finite({"a": [float("nan"), 1.5, (2, "x")], 3: None}) == {"a": [None, 1.5, [2, "x"]], "3": None}
