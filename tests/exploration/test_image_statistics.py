import pandas as pd
import pytest


def test_measures_are_summed_up_as_pandas_does(drawn):
    images = pd.read_csv(drawn / "images.csv").query("split == 'train' and `class` == 'sad'")
    rows = pd.read_csv(drawn / "measures_by_class.csv").query("`class` == 'sad'").set_index("measure")
    for name in ("brightness", "noise"):
        expected = [images[name].mean(), images[name].median(), images[name].max()]
        assert rows.loc[name, ["mean", "50%", "max"]].tolist() == pytest.approx(expected, abs=2e-3)
