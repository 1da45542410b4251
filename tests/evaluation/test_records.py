import json

import pytest

from fer import runs
from fer.evaluation import records


def test_a_folder_without_a_record_is_no_run(tmp_path):
    assert records.record_of(tmp_path) == {}
    assert "not a run" in records.reason_without_predictions(tmp_path, {})


def test_without_its_broken_record_a_run_is_evaluated_as_far_as_its_config_tells(tmp_path, capsys):
    (tmp_path / "metrics.json").write_text("{")
    assert records.record_of(tmp_path) == {}
    data = {"fingerprint": "a", "path": ["x"], "counts": {}}
    runs.write_config(tmp_path / "config.yaml", {"output_dir": "x", "trainer": {}, "data": {}, "found": data})
    assert records.record_of(tmp_path)["data"] == data
    assert capsys.readouterr().err.count("metrics.json: damaged") == 2


def test_a_study_names_its_runs(tmp_path):
    (tmp_path / "a" / "seed-0").mkdir(parents=True)
    (tmp_path / "a" / "seed-0" / "predictions.csv").touch()
    assert (
        f"the folder of 1; name one or more of them, e.g. {tmp_path / 'a' / 'seed-0'}"
        in records.reason_without_predictions(tmp_path, {})
    )


def test_an_unfinished_run_says_how_to_go_on(tmp_path):
    assert f"resume={tmp_path}" in records.reason_without_predictions(tmp_path, {"status": "interrupted"})


@pytest.mark.parametrize("named", ["checkpoints/best.ckpt", "/old/place/checkpoints/best.ckpt", None])
def test_the_checkpoint_is_found_also_after_a_move(tmp_path, named):
    best = tmp_path / "checkpoints" / "best.ckpt"
    assert records.checkpoint_of(tmp_path, {"checkpoint": named}) is None
    best.parent.mkdir()
    best.touch()
    assert records.checkpoint_of(tmp_path, {"checkpoint": named}) == best


def test_drawn_faces_are_called_so(tmp_path):
    data = {"origin": "SYNTHETIC FACES", "layout": "synthetic faces"}
    (tmp_path / "metrics.json").write_text(json.dumps({"data": data}))
    assert records.data_sentences(records.record_of(tmp_path)) == ["SYNTHETIC FACES (synthetic faces)."]
