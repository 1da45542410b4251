"""Runs that train for more epochs than they were planned for."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch

from fer import checkpoint
from fer.config import compose_config
from fer.errors import UserError
from fer.training.prolonging import prolonged_folder
from fer.training.start import train

from .test_trainer import TINY

pytestmark = pytest.mark.full  # each trains


def run(*overrides: str, folder: str) -> dict:
    return train(compose_config([*TINY, f"output_dir={folder}", *overrides]))


def resumed(*overrides: str) -> dict:
    return train(compose_config(list(overrides)), typed=overrides)


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    return checkpoint.read(Path(folder) / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> Path:
    """A folder with finished runs of two epochs, one for each schedule."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("constant", "cosine", "onecycle"):
        run(f"scheduler={name}", "callbacks.early_stopping=null", folder=str(folder / name))
    return folder


@pytest.fixture(autouse=True)
def here(sources, tmp_path, monkeypatch):
    shutil.copytree(sources, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def test_a_schedule_without_an_end_goes_on_as_if_the_run_had_been_planned_so():
    before = {path: path.read_bytes() for path in Path("constant").rglob("*") if path.is_file()}
    record = resumed("resume=constant", "trainer.max_epochs=4")
    assert (record["folder"], record["epochs"], record["test_readings"]) == ("constant_to4", 4, 2)
    run("scheduler=constant", "callbacks.early_stopping=null", "trainer.max_epochs=4", folder="whole")
    ours, theirs = weights("constant_to4"), weights("whole")
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    changed = [path for path, content in before.items() if path.read_bytes() != content]
    assert [path for path in changed if path.name != ".lock"] == []


@pytest.mark.parametrize("name", ["cosine", "onecycle"])
def test_a_schedule_with_an_end_starts_a_new_cycle(name, capsys):
    record = resumed(f"resume={name}", "trainer.max_epochs=5")
    assert record["epochs"] == 5
    assert f"continues {name} after epoch 2: the schedule starts a new cycle over 3 epochs" in capsys.readouterr().out
    rates = pd.read_csv(f"{name}_to5/metrics.csv")["lr"].dropna().tolist()
    first, second = rates[: len(rates) * 2 // 5], rates[len(rates) * 2 // 5 :]
    assert max(second) > 10 * first[-1]
    assert max(second) == pytest.approx(max(first), rel=0.3)


def test_a_run_with_averaged_weights_goes_on(capsys):
    target = "lightning.pytorch.callbacks.StochasticWeightAveraging"
    run(f"callbacks={{swa: {{_target_: {target}, swa_lrs: 0.1}}}}", folder="averaged")
    assert resumed("resume=averaged", "trainer.max_epochs=6")["status"] == "finished"
    assert "with the learning rate of StochasticWeightAveraging" in capsys.readouterr().out


def test_another_batch_size_that_a_callback_finds_leaves_steps_for_the_schedule():
    target = "lightning.pytorch.callbacks.BatchSizeFinder"
    run(f"callbacks={{size: {{_target_: {target}, max_trials: 2}}}}", "scheduler=cosine", folder="sized")
    assert resumed("resume=sized", "trainer.max_epochs=4")["epochs"] == 4


def test_only_evaluations_of_the_test_split_are_counted():
    run("test=false", folder="untested")
    assert resumed("resume=untested", "trainer.max_epochs=3").get("test_readings") == 0


def test_a_run_with_an_own_option_that_others_refer_to_goes_on():
    run("+width=4", "model.blocks=[[${width}]]", folder="own")
    assert resumed("resume=own", "trainer.max_epochs=3")["epochs"] == 3


def test_a_prolonged_run_is_another_one():
    record = resumed("resume=constant", "trainer.max_epochs=3")
    assert record["identity"] != json.loads(Path("constant/metrics.json").read_text())["identity"]


def test_an_interrupted_prolonged_run_goes_on_in_its_folder(capsys):
    whole = resumed("resume=cosine", "trainer.max_epochs=4")
    path = Path("cosine_to4/metrics.json")
    shutil.rmtree("cosine_to4/checkpoints")
    shutil.copytree("cosine/checkpoints", "cosine_to4/checkpoints")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "interrupted"}))
    again = resumed("resume=cosine_to4")
    assert again["folder"] == "cosine_to4"
    assert again["val/loss"] == pytest.approx(whole["val/loss"])


def test_fewer_epochs_are_refused():
    with pytest.raises(UserError, match=r"has trained 2 epochs; give trainer\.max_epochs more"):
        resumed("resume=constant", "trainer.max_epochs=2")
    with pytest.raises(UserError, match=r"trainer\.max_epochs=N trains it up to N"):
        resumed("resume=constant")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("runs/train/cnn3/seed-0", "runs/train/cnn3_to40/seed-0"), ("run", "run_to40"), ("/a/seed-1", "/a_to40/seed-1")],
)
def test_the_folder_says_how_far_it_goes(folder, expected):
    assert prolonged_folder(Path(folder), 40) == Path(expected)
