from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from fer.arguments import network_or_run, positive, share, whole


@pytest.mark.parametrize(
    ("kind", "text", "value"), [(share, "0", 0), (share, "1", 1), (positive, "0.1", 0.1), (whole, "1", 1)]
)
def test_numbers_within_pass(kind, text, value):
    assert kind(text) == value


@pytest.mark.parametrize(
    ("kind", "text"), [(share, "1.1"), (share, "nan"), (positive, "0"), (positive, "inf"), (whole, "0"), (whole, "-3")]
)
def test_numbers_beyond_are_told(kind, text):
    with pytest.raises(ArgumentTypeError, match=f"{text}: expected a"):
        kind(text)


def test_the_name_of_a_shipped_network_stays_a_name():
    assert network_or_run("--checkpoint")("pocket") == Path("pocket")
    assert network_or_run("--checkpoint")("runs/pocket") == Path("runs/pocket")
