import json

import pytest

from fer.evaluation import readings
from fer.evaluation.records import study_folder


@pytest.fixture
def study(tmp_path):
    """A study of two finished runs and one that failed."""
    for seed, status in enumerate(("finished", "finished", "failed")):
        run = tmp_path / "mine" / "defaults" / f"seed-{seed}"
        run.mkdir(parents=True)
        (run / "metrics.json").write_text(json.dumps({"status": status, "config": {"study": "mine"}}))
    return tmp_path / "mine"


def test_every_run_and_every_evaluation_counts(study):
    assert readings.count(study) == {"runs": 2, "evaluations": 0}
    for _ in range(3):
        readings.append(study, "python -m fer.evaluate a", ["a"], "c")
    assert readings.count(study) == {"runs": 2, "evaluations": 3}
    assert "read 5 times: 2 at the end of a run and 3 by fer.evaluate" in readings.count_sentence(study)


def test_a_line_says_when_what_and_with_which_code(study):
    readings.append(study, "python -m fer.evaluate a", ["a"], "abc")
    line = json.loads((study / readings.FILE_NAME).read_text())
    assert line.pop("time").endswith("+00:00")
    assert line == {"command": "python -m fer.evaluate a", "input": ["a"], "commit": "abc"}


def test_beside_a_report_only_evaluations_count(tmp_path):
    readings.append(tmp_path / "report", "x", ["a.csv"], None)
    assert readings.count_sentence(tmp_path / "report") == "The test split was read once for reports in this folder."


def test_a_run_knows_the_folder_of_its_study(study):
    run = study / "defaults" / "seed-0"
    assert study_folder(run, {"config": {"study": "mine"}}) == study
    assert study_folder(run, {"config": {"study": "another"}}) is None
    assert study_folder(run, {}) is None
