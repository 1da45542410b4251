"""Sweeps as a user starts them, and what they decide without starting anything."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fer import runs, sweep
from fer.config import compose_config

TINY = [
    "study=s",
    "data=synthetic",
    "data.synthetic.train=70",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "model=cnn",
    "model.blocks=[[4]]",
    "model.head=[8]",
    "callbacks.pictures=null",
    "trainer.max_epochs=2",
]


def start(folder: Path, *overrides: str) -> subprocess.Popen:
    """`python -m fer.train -m …` in `folder`."""
    place = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": place}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-m", "fer.train", "-m", *TINY, *overrides]
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def statuses(folder: Path) -> list[str]:
    return sorted(runs.read_record(path.parent)["status"] for path in folder.glob("runs/s/*/*/metrics.json"))


def planned(*jobs: list[str], **launcher) -> sweep.Sweep:
    cfg = compose_config(["output_dir=x", *(f"launcher.{name}={value}" for name, value in launcher.items())])
    return sweep.Sweep(None, None, cfg, jobs)


def test_a_run_is_called_by_what_tells_it_from_the_others():
    plan = planned(["model=cnn2", "seed=0"], ["model=cnn2", "seed=1"])
    assert [plan.title(job) for job in plan.jobs] == ["seed=0", "seed=1"]
    assert planned(["model=cnn2"]).title(["model=cnn2"]) == "defaults"


@pytest.mark.parametrize(("jobs", "threads"), [(1, 8), (2, 4), (3, 2), (16, 1)])
def test_runs_at_once_share_the_cores(jobs, threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert planned(["a"], jobs=jobs).environment(0)["OMP_NUM_THREADS"] == str(threads)


def test_runs_at_once_are_dealt_over_the_gpus():
    plan = planned(["a"], jobs=4, gpus="[2,5]")
    assert [plan.environment(slot)["CUDA_VISIBLE_DEVICES"] for slot in range(4)] == ["2", "5", "2", "5"]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [([], False), (["trainer.devices=2"], True), (["trainer.num_nodes=2"], True), (["trainer.devices=auto"], True)],
)
def test_runs_of_several_processes_are_known(overrides, expected):
    assert sweep.distributed(compose_config(["output_dir=x", *overrides])) is expected


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.lr=0.1,-1"], "no run was started: optimizer.lr=-1: expected a number > 0 (in the run"),
        (["optimizer=adam,adm"], "In 'train': Could not find 'optimizer/adm'"),
        (["optimizer.rate=1,2"], "no option 'optimizer.rate'"),
    ],
)
def test_a_bad_option_refuses_the_whole_sweep(overrides, message, tmp_path):
    output, _ = (process := start(tmp_path, *overrides)).communicate()
    assert process.returncode == 2
    assert f"error: {message}" in output
    assert output.count("\n") <= 2
    assert statuses(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["local", "parallel"])
def test_a_failing_run_is_counted_and_the_rest_go_on(launcher, tmp_path):
    grid = ["optimizer=sgd", "optimizer.lr=0.01,1e30", "seed=0,1", f"launcher={launcher}"]
    output, _ = (process := start(tmp_path, *grid)).communicate()
    assert process.returncode == 2
    assert "sweep: 2 done, 2 failed, 0 running, 0 to go" in output
    assert "error: 2 of 4 runs failed, the first: optimizer.lr=1e30" in output.replace("1e+30", "1e30")
    assert statuses(tmp_path) == ["failed", "failed", "finished", "finished"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "number"), [("local", signal.SIGKILL), ("local", signal.SIGINT), ("parallel", signal.SIGTERM)]
)
def test_a_stopped_sweep_goes_on_where_it_was(launcher, number, tmp_path):
    grid = ["seed=0,1,2", f"launcher={launcher}"]
    process = start(tmp_path, *grid)
    while process.poll() is None and "finished" not in statuses(tmp_path):
        time.sleep(0.05)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    output, _ = (process := start(tmp_path, *grid)).communicate()
    assert process.returncode == 0, output
    assert statuses(tmp_path) == ["finished"] * 3
    wrote, following = output.splitlines()[-2:]
    assert wrote == "wrote runs/s/: 3 finished runs"
    assert following.startswith("next: python -m fer.study s ")


@pytest.mark.slow
def test_a_killed_run_fails_alone(tmp_path):
    process = start(tmp_path, "seed=0,1,2", "launcher=parallel", "trainer.max_epochs=30")
    while process.poll() is None and not (running := list(tmp_path.glob("runs/s/*/*/metrics.json"))):
        time.sleep(0.05)
    assert running
    child = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(child[0]), signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == 2
    assert "2 done, 1 failed" in output


@pytest.mark.slow
def test_ranks_of_a_distributed_run_do_not_repeat_the_sweep(tmp_path):
    output, _ = (
        process := start(tmp_path, "seed=0,1", "trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu")
    ).communicate()
    assert process.returncode == 0, output
    assert statuses(tmp_path) == ["finished"] * 2
    logs = [path.read_text() for path in tmp_path.glob("runs/s/logs/*.log")]
    assert [log.count("writing to") for log in logs] == [1, 1]
