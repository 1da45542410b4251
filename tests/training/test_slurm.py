"""Sweeps as jobs: really run by submitit's local executor, and as SLURM would get them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf.errors import OmegaConfBaseException

from fer import runs
from fer.config import compose_config, explain
from fer.training import slurm

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
]


def start(folder: Path, *overrides: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    command = [sys.executable, "-m", "fer.train", "-m", *TINY, *overrides]
    return subprocess.Popen(command, cwd=folder, env=environment, **pipes)


def statuses(folder: Path) -> list[str]:
    return sorted(runs.read_record(path.parent)["status"] for path in folder.glob("runs/s/*/*/metrics.json"))


def test_resources_reach_slurm_by_its_names(tmp_path, monkeypatch):
    """What submitit would write into the batch script."""
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit.SlurmExecutor, "affinity", lambda *_: 2)
    monkeypatch.chdir(tmp_path)
    typed = ["partition=gpu", "gpus_per_node=2", "timeout_min=90", "nodes=2", "tasks_per_node=2", "account=lab"]
    cfg = compose_config(["launcher=slurm", "study=s", *(f"launcher.submit.{part}" for part in typed), "output_dir=x"])
    executor = slurm.make_executor(instantiate(cfg.launcher.submit), cfg.launcher.jobs)._executor
    script = executor._make_submission_file_text("python -m fer.train", "0")
    for line in (
        "partition=gpu",
        "gpus-per-node=2",
        "time=90",
        "nodes=2",
        "ntasks-per-node=2",
        "account=lab",
        "mem=8GB",
    ):
        assert f"#SBATCH --{line}\n" in script
    assert executor.parameters["array_parallelism"] == 16


@pytest.mark.parametrize("wrong", ["timeout_min=soon", "partitoin=gpu", "nodes=x"])
def test_a_resource_that_the_plugin_does_not_know_is_refused(wrong):
    with pytest.raises((HydraException, OmegaConfBaseException)):
        compose_config(["launcher=slurm", f"launcher.submit.{wrong}", "output_dir=x"])


def test_a_missing_plugin_is_named_with_its_extra():
    error = HydraException("In 'launcher/slurm': Could not find 'hydra/launcher/submitit_slurm'")
    assert "pip install 'fer-lightning[slurm]'" in explain(error, "train")


@pytest.mark.full
@pytest.mark.skipif(bool(os.environ.get("SLURM_CONF")), reason="there is a SLURM here")
def test_without_slurm_the_sweep_says_so(tmp_path):
    output, _ = (process := start(tmp_path, "launcher=slurm", "seed=0,1")).communicate()
    assert process.returncode == 2
    assert "error: launcher=slurm: no SLURM here" in output


@pytest.mark.slow
def test_jobs_run_fail_are_counted_and_skipped_the_next_time(tmp_path):
    grid = ["optimizer.lr=0.01,1e30", "launcher=slurm_local", "trainer.max_epochs=2"]
    output, _ = (process := start(tmp_path, *grid)).communicate()
    assert process.returncode == 2
    assert "sweep: 1 done, 1 failed, 0 running, 0 to go" in output
    assert "1 of 2 runs failed, the first: optimizer.lr=1e+30: the " in output
    assert statuses(tmp_path) == ["failed", "finished"]
    before = {path: path.stat().st_mtime for path in tmp_path.glob("runs/s/*/*/metrics.json")}
    output, _ = start(tmp_path, *grid).communicate()
    assert "diverged before" in output
    assert before == {path: path.stat().st_mtime for path in tmp_path.glob("runs/s/*/*/metrics.json")}


@pytest.mark.slow
def test_stopped_jobs_are_saved_and_go_on(tmp_path):
    grid = ["seed=0,1", "launcher=slurm_local", "trainer.max_epochs=30", "callbacks.early_stopping=null"]
    process = start(tmp_path, *grid)
    while process.poll() is None and len(list(tmp_path.glob("runs/s/*/*/checkpoints/last.ckpt"))) < 2:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert statuses(tmp_path) == ["interrupted"] * 2
    output, _ = (process := start(tmp_path, *grid)).communicate()
    assert process.returncode == 0, output
    assert statuses(tmp_path) == ["finished"] * 2
    assert all("resumed" in runs.read_record(path.parent) for path in tmp_path.glob("runs/s/*/*/metrics.json"))
