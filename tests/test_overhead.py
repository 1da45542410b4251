"""What is read off a marked run: moments in order, parts that add up, failures in one line. No test looks at how long
anything takes."""

import sys

import pandas as pd
import pytest

from fer.benchmarking import overhead
from fer.benchmarking.overhead import Started
from fer.errors import UserError

TINY = [
    "data=synthetic",
    "data.synthetic={train: 70, val: 35, test: 35, seed: 0, imbalance: false, label_noise: 0.0}",
    "model=cnn",
    "model.blocks=[[8],[16]]",
    "model.head=[16]",
    "trainer.max_steps=2",
    "trainer.accelerator=cpu",
    "callbacks.early_stopping=null",
]
ORDER = ["python", "torch", "lightning", "fer", "run begins", "data begins", "data ends", "step", "run ends"]


def test_a_marked_sweep_tells_its_moments_in_order_once_a_run(tmp_path):
    found = overhead.run(["-m", *TINY, "study=marked", "seed=0,1"], tmp_path)
    seconds = [at for _, at in found.marks]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] < found.seconds
    assert [found.at(name) for name in ORDER] == sorted(found.at(name) for name in ORDER)
    assert len(found.all("step")) == len(found.all("run ends")) == 2
    assert len(overhead.gaps(found)) == 1
    assert overhead.gaps(found)[0] > 0
    assert found.peak_mb > 100
    assert (tmp_path / "runs" / "marked").is_dir()


def test_the_parts_of_a_start_add_up_to_it():
    marks = [(name, float(second)) for second, name in enumerate(ORDER, 1)]
    (_, whole, _), *parts = overhead.parts_of_a_start([Started(20, marks, 1)])
    assert whole == 8  # "step" is the eighth of them
    assert sum(value for _, value, _ in parts) == whole


def test_a_run_that_fails_is_one_line(tmp_path):
    with pytest.raises(UserError, match=r"failed: error: no option 'nothing'"):
        overhead.run(["nothing=1"], tmp_path)


def test_a_place_without_data_is_refused_before_anything_starts(monkeypatch):
    monkeypatch.setattr(overhead, "measure", lambda *_: pytest.fail("started"))
    with pytest.raises(UserError, match="no such file or folder"):
        overhead.main(["--data", "nowhere.csv"])


def test_figures_are_kept_beside_those_of_the_benchmark_and_replaced_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["overhead"])
    for value in (1.0, 2.0):
        monkeypatch.setattr(overhead, "measure", lambda *_, value=value: [("data, cached", value, "s")])
        overhead.main(["--out", str(tmp_path)])
    assert pd.read_csv(tmp_path / "overhead.csv")["value"].tolist() == [2.0]
    text = (tmp_path / "README.md").read_text()
    assert "| data, cached | 2.00 s |" in text
    assert "python -m fer.benchmarking.overhead" in text
