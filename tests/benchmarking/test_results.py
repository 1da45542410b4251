import pandas as pd
import pytest

from fer.benchmarking import results
from fer.errors import UserError


def rows(speeds: dict[str, float], **changed: str) -> pd.DataFrame:
    columns = dict.fromkeys([*results.SETTING, *results.PROVENANCE], "x") | changed
    return pd.DataFrame({"column": list(speeds), "images_per_s": list(speeds.values())}).assign(**columns)


def test_a_new_measurement_replaces_its_setting_and_keeps_all_others(tmp_path):
    path = tmp_path / "t.csv"
    for new in (
        rows({"ceiling": 1.0, "whole": 0.5}),
        rows({"ceiling": 2.0}, batch_size="128", options=""),
        rows({"ceiling": 3.0}, machine="y"),
        rows({"ceiling": 4.0}, batch_size="128", options="", commit="later"),
        rows({"ceiling": 5.0}),
    ):
        results.store(new, path)
    assert results.read(path)["images_per_s"].tolist() == [3.0, 4.0, 5.0]


def test_a_table_of_something_else_is_an_error(tmp_path):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"not a table of fer\.benchmark"):
        results.store(rows({"ceiling": 1.0}), tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("word", "counts"),
    [
        ("optimizer=adam", True),
        ("model.dropout=0", True),
        ("~callbacks.pictures", True),
        ("model=cnn3", False),
        ("rounds=3", False),
        ("values.width=[1]", False),
        ("seed=3", False),
        ("data.root=/x", False),
        ("output_dir=x", False),
    ],
)
def test_what_changes_the_work_makes_another_setting(word, counts):
    assert results.is_setting(word) is counts
