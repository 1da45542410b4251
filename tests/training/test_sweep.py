"""Sweeps as a user starts them, and what they decide without starting anything."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from fer import runs
from fer.config import compose_config
from fer.terminal import LiveTable
from fer.training import sweep

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
    place = str(Path(__file__).parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": place}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-m", "fer.train", "-m", *TINY, *overrides]
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def statuses(folder: Path) -> list[str]:
    return sorted(runs.read_record(path.parent)["status"] for path in folder.glob("runs/s/*/*/metrics.json"))


def make_sweep(*jobs: list[str]) -> sweep.Sweep:
    return sweep.Sweep(None, None, compose_config(["output_dir=x"]), jobs)


def test_a_run_is_called_by_what_tells_it_from_the_others():
    plan = make_sweep(["model=cnn2", "seed=0"], ["model=cnn2", "seed=1"])
    assert [plan.title(job) for job in plan.jobs] == ["seed=0", "seed=1"]
    assert make_sweep(["model=cnn2"]).title(["model=cnn2"]) == "defaults"


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [([], False), (["trainer.devices=2"], True), (["trainer.num_nodes=2"], True), (["trainer.devices=auto"], True)],
)
def test_runs_of_several_processes_are_known(overrides, expected):
    assert sweep.is_distributed(compose_config(["output_dir=x", *overrides])) is expected


@pytest.mark.full
@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["optimizer.lr=0.1,-1"], "no run was started: optimizer.lr=-1: expected a number > 0 (in the run"),
        (["optimizer=adam,adm"], "no run was started: optimizer=adm: no such choice. Did you mean optimizer=adam?"),
        (["optimizer.rate=1,2"], "no run was started: no option 'optimizer.rate'"),
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


@pytest.fixture
def sweep_here(tmp_path, monkeypatch):
    """A sweep of two runs in this process, of which the second fails, and their configs."""
    monkeypatch.setattr(sweep, "run_job", run_job)
    content = {"hydra": {"job": {}, "sweep": {"dir": str(tmp_path), "subdir": "."}}, "existing": "new"}
    configs = [OmegaConf.create(content) for _ in range(2)]
    plan = make_sweep(["optimizer=sgd", "seed=0"], ["optimizer=adam", "seed=0"])
    plan.cfg = configs[0]
    return plan, configs


def run_job(task, cfg, *_) -> JobReturn:
    print(f"epoch 1/1 of run {cfg.hydra.job.num}")
    if cfg.hydra.job.num == 1:
        print("error: too bad", file=sys.stderr)
        raise SystemExit(2)
    result = JobReturn(status=JobStatus.COMPLETED)
    result.return_value = {}
    return result


def test_on_a_terminal_the_lines_of_a_run_go_into_its_log(sweep_here, terminal, tmp_path):
    plan, configs = sweep_here
    with terminal(80) as screen, LiveTable(lambda: [], plan.progress, "val/accuracy"):
        for index, cfg in enumerate(configs):
            plan.run_here(index, cfg)
    log = tmp_path / "logs" / "adam-seed-0.log"
    assert log.read_text() == "epoch 1/1 of run 1\nerror: too bad\n"
    assert (tmp_path / "logs" / "sgd-seed-0.log").read_text() == "epoch 1/1 of run 0\n"
    assert plan.failed == {"optimizer=adam": f"too bad (see {log})"}
    text = "".join(screen.lines())
    assert "optimizer=adam: too bad" in text
    assert "epoch 1/1" not in text


def test_in_a_pipe_the_lines_of_a_run_stay(sweep_here, capsys, tmp_path):
    plan, configs = sweep_here
    plan.started = time.perf_counter()
    for index, cfg in enumerate(configs):
        plan.run_here(index, cfg)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("epoch")] == ["epoch 1/1 of run 0", "epoch 1/1 of run 1"]
    assert lines[-1] == "sweep: 1 done, 1 failed, 0 running, 0 to go"
    assert not list(tmp_path.iterdir())


LONG = ["trainer.max_epochs=400", "callbacks.early_stopping=null"]


def children(process: subprocess.Popen) -> list[int]:
    done = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False)
    return [int(number) for number in done.stdout.split()]


def alive(number: int) -> bool:
    """Whether the process is there and no mere entry that nobody asks for."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("launcher", ["parallel", "slurm_local"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_runs_end_with_their_sweep_and_go_on(launcher, number, tmp_path):
    process = start(tmp_path, "seed=0,1", f"launcher={launcher}", *LONG)
    while process.poll() is None and len(list(tmp_path.glob("runs/s/*/*/checkpoints/last.ckpt"))) < 2:
        time.sleep(0.05)
    working = children(process)
    assert len(working) == 2
    process.send_signal(number)
    output, _ = process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    end = time.monotonic() + 60  # of a machine that has other work; alone they take a few seconds
    while any(map(alive, working)) and time.monotonic() < end:
        time.sleep(0.1)
    assert not any(map(alive, working))
    assert statuses(tmp_path) == ["interrupted"] * 2
    if number != signal.SIGKILL:
        line = "sweep: 0 done, 0 failed, 2 interrupted, 0 running, 0 to go; the same command goes on"
        assert output.splitlines()[-1] == line


@pytest.mark.slow
def test_a_second_ctrl_c_ends_the_runs_at_once(tmp_path):
    process = start(tmp_path, "seed=0,1,2", "launcher=parallel", *LONG)
    while process.poll() is None and len(list(tmp_path.glob("runs/s/*/*/checkpoints/last.ckpt"))) < 2:
        time.sleep(0.05)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert statuses(tmp_path) == ["interrupted"] * 2
    assert "sweep: 0 done, 0 failed, 2 interrupted, 0 running, 1 to go; the same command goes on" in output


def test_runs_that_were_stopped_are_not_counted_as_failed(capsys):
    plan = make_sweep(["seed=0"], ["seed=1"], ["seed=2"], ["seed=3"])
    plan.started, plan.running = time.perf_counter(), 3
    plan.count(0)
    plan.count(1, "too bad")
    plan.stopping = True
    plan.count(2, stopped=True)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "sweep: 1 done, 1 failed, 1 interrupted, 0 running, 1 to go; the same command goes on"


@pytest.mark.slow
def test_a_damaged_record_does_not_end_a_sweep(tmp_path):
    grid = ["seed=0,1"]
    output, _ = (process := start(tmp_path, *grid)).communicate()
    assert process.returncode == 0, output
    first, _ = sorted(tmp_path.glob("runs/s/*/*/metrics.json"))
    whole = first.read_text()
    first.write_bytes(bytes(100))
    output, _ = (process := start(tmp_path, *grid)).communicate()
    assert process.returncode == 0, output
    assert output.count("metrics.json: damaged") == 1
    assert "finished before: skipped" in output
    assert statuses(tmp_path) == ["finished"] * 2
    figures = [{k: v for k, v in json.loads(text).items() if "/" in k} for text in (whole, first.read_text())]
    assert figures[0] == figures[1]


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
