"""Searches as a user starts them."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fer import runs
from fer.config import compose_config
from fer.errors import UserError
from fer.identity import run_identity
from fer.searching import plan as plans
from fer.train import train

TINY = [
    "data=synthetic",
    "data.synthetic.train=70",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "model=cnn",
    "model.blocks=[[4]]",
    "model.head=[8]",
    "callbacks.pictures=null",
    "trainer.max_epochs=3",
]


def start(folder: Path, *overrides: str, command: str = "fer.search") -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[1])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen([sys.executable, "-m", command, *overrides], cwd=folder, env=environment, **pipes)


def finish(process: subprocess.Popen, code: int = 0) -> str:
    output, _ = process.communicate()
    assert process.returncode == code, output
    return output


def table(folder: Path, study: str = "search") -> list[dict[str, str]]:
    with (folder / "runs" / study / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def records(folder: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in folder.glob("runs/search/*/seed-*/metrics.json")]


@pytest.mark.full
@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["search.trials=0"], "search.trials=0: expected a positive integer"),
        (["search.hours=0"], "search.hours=0: expected a number > 0"),
        (["search.trials=null"], "give the search an end"),
        (["search.space.lr.low=1"], "low=1 is not below high=0.01; exchange them"),
        (["search.space.momentum.when=null"], "no option optimizer.momentum there; say with when:"),
        (["+search.space.x={option: optimizer.rate, low: 0, high: 1}"], "no option 'optimizer.rate'. In optimizer: "),
        (["+search.space.x={option: model.dropout, low: 0.5, high: 1.5}"], "model.dropout=1.5: expected a number in"),
        (["optimizer=adam"], "optimizer is set, and searched as search.space.optimizer"),
        (["test=true"], "test: leave it out, no trial reads the test split"),
        (["output_dir=x"], "output_dir: leave it out"),
        (["monitor=null"], "monitor=null: trials are compared by it"),
        (["trainer.devices=2"], "a trial trains on one device"),
        (["search.gpus=3"], r"search.gpus=3: expected a list such as \[0,1\]"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_imported(typed, message):
    with pytest.raises(UserError, match=message):
        plans.read(compose_config(typed, "search"), typed)


@pytest.mark.parametrize("typed", [["sampler=foo"], ["pruner=foo"], ["search=foo"], ["search.trails=3"]])
def test_unknown_names_are_answered_with_the_known_ones(typed, tmp_path):
    output = finish(start(tmp_path, *typed), code=2)
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert {"sampler=foo": "tpe", "pruner=foo": "hyperband", "search=foo": "optimizer"}.get(
        typed[0], "trials"
    ) in output
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_the_test_split_never_looks_at_it(tmp_path, monkeypatch):
    from fer.data.datamodule import FERDataModule

    looked = []
    loader = FERDataModule.loader
    monkeypatch.setattr(
        FERDataModule, "loader", lambda self, split, *a, **k: looked.append(split) or loader(self, split, *a, **k)
    )
    record = train(compose_config([*TINY, "trainer.max_epochs=1", "test=false", f"output_dir={tmp_path / 'run'}"]))
    assert set(looked) == {"train", "val"}
    assert record["status"] == "finished"
    assert not [name for name in record if name.startswith("test/")]
    assert "test," not in (tmp_path / "run" / runs.PREDICTIONS).read_text()


def test_a_run_without_the_test_split_is_another_run_and_the_rest_stay_what_they_were():
    cfg = compose_config(["output_dir=x"])
    without, before = cfg.copy(), cfg.copy()
    without.test = False
    OmegaConf.set_struct(before, False)
    before.pop("test")
    assert run_identity(cfg, "") == run_identity(before, "") != run_identity(without, "")


@pytest.mark.slow
def test_a_search_goes_on_names_its_best_and_confirms_it(tmp_path):
    space = ["search=learning_rate", "sampler=random", "search.workers=2"]
    output = finish(start(tmp_path, *TINY, *space, "search.trials=2"))
    assert "2 trials done, 0 pruned, 0 failed" in output
    first = table(tmp_path)
    output = finish(start(tmp_path, *TINY, *space, "search.trials=4", "search.confirm=2"))
    rows = table(tmp_path)
    assert rows[:2] == first
    assert [row["status"] for row in rows] == ["finished"] * 4
    assert "confirmed over 2 fresh seeds (1 to 2): val/accuracy" in output
    assert sorted(record["config"]["seed"] for record in records(tmp_path)) == [0, 0, 0, 0, 1, 2]
    assert all("test/accuracy" not in record for record in records(tmp_path))
    best = max(float(row["val/accuracy"]) for row in rows)
    line = next(line.strip() for line in output.splitlines() if line.startswith("  python -m fer.train"))
    finish(start(tmp_path, *shlex.split(line)[3:], command="fer.train"))
    [trained] = tmp_path.glob("runs/train/*/seed-0/metrics.json")
    record = json.loads(trained.read_text())
    assert record["val/accuracy"] == pytest.approx(best)
    assert "test/accuracy" in record


@pytest.mark.slow
def test_diverging_trials_fail_and_pruned_ones_can_be_resumed(tmp_path):
    space = [
        "search=learning_rate",
        "search.space.scheduler=null",
        "search.space.lr=null",
        "+search.space.rate={option: optimizer.lr, choices: [0.01, 1e-9, 1e30]}",
        "sampler=random",
        "pruner=median",
        "pruner.n_startup_trials=1",
        "pruner.n_warmup_steps=0",
        "search.trials=10",
    ]
    output = finish(start(tmp_path, *TINY, *space))
    statuses = {row["rate"]: row["status"] for row in table(tmp_path)}
    assert statuses["1e+30"] == "failed"
    assert "failed: Diverged: the " in output
    assert {record["status"] for record in records(tmp_path)} <= {"finished", "failed", "interrupted"}
    for row in table(tmp_path):
        if row["status"] == "pruned":
            record = runs.read_record(tmp_path / row["run"] / "seed-0")
            assert record["status"] in ("interrupted", "finished")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_search_goes_on_with_the_trials_it_had(number, tmp_path):
    typed = [*TINY, "search=learning_rate", "search.trials=3", "search.heartbeat=1", "trainer.max_epochs=20"]
    process = start(tmp_path, *typed)
    while process.poll() is None and not list(tmp_path.glob("runs/search/*/seed-0/checkpoints/last.ckpt")):
        time.sleep(0.05)
    process.send_signal(number)
    finish(process, code=-number if number == signal.SIGKILL else 128 + number)
    end = time.time() + 60
    while {record["status"] for record in records(tmp_path)} != {"interrupted"} and time.time() < end:
        time.sleep(0.1)  # a worker whose search was killed ends by itself
    began = {record["config"]["optimizer"]["lr"] for record in records(tmp_path)}
    finish(start(tmp_path, *typed))
    assert [row["status"] for row in table(tmp_path)] == ["finished"] * 3
    assert len(records(tmp_path)) == 3
    assert began <= {record["config"]["optimizer"]["lr"] for record in records(tmp_path) if "resumed" in record}


@pytest.mark.slow
def test_hours_end_a_search_and_count_over_starts(tmp_path):
    typed = [*TINY, "search=learning_rate", "search.trials=null", "search.hours=0.01"]
    began = time.time()
    process = start(tmp_path, *typed)
    output, _ = process.communicate()
    assert "0.01 hours are over" in output
    assert time.time() - began < 150
    output, _ = start(tmp_path, *typed).communicate()
    assert "the budget is spent" in output
