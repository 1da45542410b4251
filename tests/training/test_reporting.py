"""When a run's pictures are drawn."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fer import evaluate, files, runs
from fer.config import compose_config
from fer.evaluation.predictions import Predictions
from fer.training.reporting import SHORT, draw, seconds_before
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


@pytest.mark.parametrize("record", [None, {"config": {"model": {}, "seed": 3}, "data": {"origin": "FER2013"}}])
def test_titles_of_pictures_name_the_network(record, tmp_path, monkeypatch):
    if record:
        record["config"] |= {"model": {"_target_": "net.Net"}, "optimizer": {"_target_": "torch.optim.SGD"}}
    figures = {}
    monkeypatch.setattr(files, "save_figure", lambda figure, path, **_: figures.update({path.name: figure}))
    (tmp_path / "metrics.csv").write_text("epoch,step,val/accuracy\n0,4,0.5\n")
    answers = np.array([0, 1])
    predicted = Predictions(("happy", "sad"), np.array(["a", "b"]), answers, answers, np.eye(2))
    images = torch.zeros(2, 1, 48, 48, dtype=torch.uint8)
    data = SimpleNamespace(
        origin="FER2013", counts={"train": {"happy": 1}}, splits={"test": SimpleNamespace(images=images)}
    )
    draw({"test": predicted}, data, tmp_path, record=record)
    name = "Net, SGD, FER2013, seed 3" if record else f"FER2013, {tmp_path.parent.name}/{tmp_path.name}"
    titles = [figures[picture].get_suptitle().replace("\n", " ") for picture in ("curves.png", "results.png")]
    assert titles == [name, f"{name}: 100.0 % of 2 test images right"]


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
