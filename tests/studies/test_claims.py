import pandas as pd
import pytest

from fer.studies import claims as reported


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
    assert reported.claim_text(claims(*rows), "a", "test/accuracy") == text


def test_no_file_means_nothing_was_reported(tmp_path):
    assert reported.read_claims(tmp_path / "reported.csv").empty
