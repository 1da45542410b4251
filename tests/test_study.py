import json
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from fer import study
from fer.errors import UserError

CLASSES = ["happy", "sad"]


def finished(folder, name: str, seed: int, accuracy: float) -> None:
    """A run folder as `fer.train` leaves it, as far as a study reads it."""
    run = folder / name / f"seed-{seed}"
    run.mkdir(parents=True)
    figures = {
        f"{split}/{f}": accuracy
        for split in ("train", "val", "test")
        for f in ("accuracy", "balanced_accuracy", "macro_f1")
    }
    data = {
        "layout": "class folders",
        "official_split": True,
        "fingerprint": "f",
        "counts": {"train": dict.fromkeys(CLASSES, 9)},
    }
    rest = {
        "status": "finished",
        "fit_seconds": 90,
        "config": {"seed": seed, "data": {"source": "fer2013"}},
        "commit": "c",
        "resolved": {"precision": "p"},
    }
    versions = {"versions": {"torch": "1", "lightning": "2"}, "hardware": {"cpu": "x", "threads": 2}}
    command = {"command": f"python -m fer.train seed={seed} data.root=/private/place"}
    (run / "metrics.json").write_text(json.dumps(figures | rest | versions | command | {"data": data}))
    rows = [(split, i, "happy", guess, 0.5, 0.5) for split in ("val", "test") for i, guess in enumerate(CLASSES)]
    pd.DataFrame(rows, columns=["split", "id", "true", "predicted", *CLASSES]).to_csv(
        run / "predictions.csv", index=False
    )


@pytest.fixture
def runs(tmp_path):
    for seed, accuracy in enumerate((0.6, 0.7, 0.8)):
        finished(tmp_path / "runs" / "mine", "a", seed, accuracy)
    finished(tmp_path / "runs" / "mine", "b", 0, 0.5)
    return tmp_path / "runs" / "mine"


def test_seeds_become_mean_and_deviation(runs):
    table = study.summarise("mine", study.read_runs(runs), with_test=False).set_index("run")
    assert table.loc["a", "val/accuracy"] == "70.0 ± 10.0"
    assert table.loc["a", "runs"] == 3
    assert table.loc["b", "val/accuracy"] == "50.0"


def test_the_test_split_stays_closed_unless_asked_for(runs):
    found = study.read_runs(runs)
    assert not [column for column in study.summarise("mine", found, with_test=False) if "test" in column]
    assert "test/accuracy" in study.summarise("mine", found, with_test=True)


def test_failed_runs_are_counted_not_averaged(runs):
    path = runs / "a" / "seed-0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "failed"}))
    table = study.summarise("mine", study.read_runs(runs), with_test=False).set_index("run")
    assert table.loc["a", ["runs", "not finished"]].tolist() == [2, 1]
    assert table.loc["a", "val/accuracy"] == "75.0 ± 7.1"


def test_a_repeated_run_counts_once_with_its_last_finish(runs):
    again = runs / "a" / "seed-0-2"
    shutil.copytree(runs / "a" / "seed-0", again)
    change = {"val/accuracy": 0.9}
    (again / "metrics.json").write_text(json.dumps(json.loads((again / "metrics.json").read_text()) | change))
    table = study.summarise("mine", study.read_runs(runs), with_test=False).set_index("run")
    assert table.loc["a", ["runs", "val/accuracy"]].tolist() == [3, "80.0 ± 10.0"]


def test_the_command_writes_the_study_and_fills_the_readme(runs, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")
    command = [sys.executable, "-m", "fer.study", "mine", "--runs", str(runs.parent), "--out", str(tmp_path / "out")]
    subprocess.run([*command, "--with-test", "--readme", str(readme)], check=True, capture_output=True)
    written = (tmp_path / "out" / "mine" / "README.md").read_text()
    assert "70.0 ± 10.0" in written
    assert "data.root=PATH" in written
    assert "/private/place" not in written
    assert (tmp_path / "out" / "mine" / "confusion.png").is_file()
    assert len(pd.read_csv(tmp_path / "out" / "mine" / "a-seed-0.csv.gz")) == 4
    filled = readme.read_text()
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert "old" not in filled


def test_a_study_without_runs_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no finished run"):
        study.read_runs(tmp_path / "none")
