import numpy as np
import pytest

from fer.exploration import image_statistics

SMALL = ["data=synthetic", "data.synthetic.train=70", "data.synthetic.val=14", "data.synthetic.test=14", "near=false"]


def test_measures_are_summed_up_as_pandas_does(section, load):
    data = load(*SMALL)
    _, labels = data.training
    images = data.measures.iloc[np.flatnonzero(labels == data.classes.index("sad"))]
    table = section(image_statistics.add_measures, *SMALL).tables["measures_by_class"]
    rows = table[table["class"] == "sad"].set_index("measure")
    for name in ("brightness", "noise"):
        expected = [images[name].mean(), images[name].median(), images[name].max()]
        assert rows.loc[name, ["mean", "50%", "max"]].tolist() == pytest.approx(expected, abs=2e-3)
