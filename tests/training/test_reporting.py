"""When a run's pictures are drawn."""

import pytest

from fer import evaluate, runs
from fer.config import compose_config
from fer.training.reporting import SHORT, seconds_before
from fer.training.start import train

from .test_trainer import TINY


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ([], 0.0),
        (["existing=continue"], SHORT),
        (["existing=continue", "report=true"], 0.0),
        (["report=false"], float("inf")),
    ],
)
def test_short_runs_of_a_sweep_wait_for_their_pictures(options, seconds):
    assert seconds_before(compose_config(["output_dir=x", *options])) == seconds


@pytest.mark.full
@pytest.mark.pictures
def test_pictures_that_a_run_left_out_are_drawn_by_its_evaluation(tmp_path, capsys):
    folder = tmp_path / "run"
    train(compose_config([*TINY, f"output_dir={folder}", "existing=continue"]))
    drawn = {"results.png", "curves.png", "confusion.png", "faces.png", "report.html", "report.md"}
    assert not drawn & {path.name for path in folder.iterdir()}
    evaluate.main([str(folder)])
    assert drawn <= {path.name for path in folder.iterdir()}
    assert f"drew the pictures of {folder}" in capsys.readouterr().out
    times = {name: (folder / name).stat().st_mtime_ns for name in drawn}
    evaluate.main([str(folder), "--quick"])
    assert {name: (folder / name).stat().st_mtime_ns for name in drawn} == times
    assert runs.read_record(folder)["status"] == "finished"
