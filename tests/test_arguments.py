import importlib
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from fer import predict
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


@pytest.mark.parametrize("module", ["evaluate", "export", "predict", "serve", "study", "webcam"])
def test_a_wrong_option_is_one_line(module, capsys):
    with pytest.raises(SystemExit) as end:
        importlib.import_module(f"fer.{module}").main(["x", "--nonsense"])
    assert end.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("--help lists the options")


def test_csv_and_json_take_a_file_of_their_kind_with_and_without_an_equals_sign():
    typed = ["a.png", "--csv", "faces.csv", "--json", "b.png", "--csv=c.csv"]
    assert predict.with_default_values(typed) == ["a.png", "--csv=faces.csv", "--json=-", "b.png", "--csv=c.csv"]
