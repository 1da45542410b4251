"""Time stamps of a run: in order, parts that add up, failures in one line. No test asserts how long anything takes."""

import pandas as pd
import pytest

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


@pytest.fixture(scope="module")
def overhead(load_script):
    return load_script("speed/overhead.py")


@pytest.mark.full
def test_a_sweep_writes_its_time_stamps_in_order_for_each_run(overhead, tmp_path):
    process = overhead.train(["-m", *TINY, "study=stamped", "seed=0,1"], tmp_path)
    seconds = [seconds for _, seconds in process.timestamps]
    assert seconds == sorted(seconds)
    assert 0 < seconds[0] < seconds[-1] < process.seconds
    assert [process.first(name) for name in ORDER] == sorted(process.first(name) for name in ORDER)
    assert len(process.all("step")) == len(process.all("run ends")) == 2
    assert len(overhead.pauses(process)) == 1
    assert overhead.pauses(process)[0] > 0
    assert process.peak_mb > 100
    assert (tmp_path / "runs" / "stamped").is_dir()


def test_the_stages_of_a_start_add_up_to_it(overhead):
    timestamps = [(name, float(second)) for second, name in enumerate(ORDER, 1)]
    (_, total, _), *stages = overhead.start_rows([overhead.Process(20, timestamps, 1)])
    assert total == 8  # "step" is the eighth of them
    assert sum(seconds for _, seconds, _ in stages) == total


def test_a_short_run_is_timed_from_the_end_of_the_one_before(overhead):
    def sweep(pause: float):
        stamps, now = [], 0.0
        for _ in range(3):
            for name, seconds in (("step", pause), ("last epoch ends", 5), ("run ends", 1)):
                now += seconds
                stamps.append((name, now))
        return overhead.Process(now, stamps, 1, [(name, second / 10) for name, second in stamps])

    rows = {name: value for name, value, _ in overhead.short_rows(sweep(14), sweep(4))}
    assert list(rows.values()) == pytest.approx([20, 10, 5, 0.5, 2, 1, 0.5, 0.5])


def test_the_named_parts_alone_are_measured(overhead, tmp_path, monkeypatch):
    monkeypatch.setattr(overhead, "sweeping", lambda *_: [("a pause", 1.0, "s")])
    monkeypatch.setattr(overhead, "starting", lambda *_: pytest.fail("started"))
    overhead.main(["--only", "sweep", "--out", str(tmp_path)])
    table = pd.read_csv(tmp_path / "overhead.csv")
    assert table[["part", "options"]].to_numpy().tolist() == [["a pause", "--only sweep"]]


@pytest.mark.full
def test_a_run_that_fails_is_one_line(overhead, tmp_path):
    with pytest.raises(UserError, match=r"failed: error: no option 'nothing'"):
        overhead.train(["nothing=1"], tmp_path)


def test_a_path_without_data_is_refused_before_anything_starts(overhead, monkeypatch):
    monkeypatch.setattr(overhead, "measure", lambda *_: pytest.fail("started"))
    with pytest.raises(UserError, match="no such file or folder"):
        overhead.main(["--data", "nowhere.csv"])


def test_a_new_measurement_replaces_the_former_one(overhead, tmp_path, monkeypatch):
    for value in (1.0, 2.0):
        monkeypatch.setattr(overhead, "measure", lambda *_, value=value: [("data, cached", value, "s")])
        overhead.main(["--out", str(tmp_path)])
    assert pd.read_csv(tmp_path / "overhead.csv")["value"].tolist() == [2.0]
    text = (tmp_path / "README.md").read_text()
    assert "| data, cached | 2.00 s |" in text
    assert "python experiments/speed/overhead.py" in text
