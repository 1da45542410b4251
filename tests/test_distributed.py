"""Two processes on one machine train as one does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import torch

from fer import runs

pytestmark = pytest.mark.slow

TINY = [
    "data=synthetic",
    "data.synthetic.train=77",  # odd, so that ranks differ in the last step
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "augment=none",
    "model=cnn",
    "model.blocks=[[4],[8]]",
    "model.head=[16]",
    "model.norm=none",
    "model.head_norm=none",
    "model.dropout=0",
    "model.head_dropout=0",
    "optimizer=adam",
    "callbacks.pictures=null",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "trainer.log_every_n_steps=1",
]
TWO = ["trainer.devices=2", "trainer.strategy=ddp", "data.batch_size=8"]
ONE = ["data.batch_size=16"]
PYTHON = [sys.executable, "-m", "fer.train"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "-m", "fer.train"]


def start(command: list[str], folder: Path, *overrides: str) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    arguments = [*command, *TINY, f"output_dir={folder}", *overrides]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(arguments, env=environment, **pipes)


def finish(process: subprocess.Popen) -> str:
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone") / "run"
    finish(start(PYTHON, folder, *ONE, "trainer.max_epochs=3"))
    return folder


def assert_close(folder: Path, alone: Path) -> None:
    """Losses, figures and weights agree within what the order of sums does to float32."""
    ours, theirs = (json.loads((path / runs.METRICS).read_text()) for path in (folder, alone))
    for name in (name for name in theirs if name.endswith("/loss")):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-4)
    assert (ours["epochs"], ours["steps"], ours["status"]) == (theirs["epochs"], theirs["steps"], "finished")
    a, b = (torch.load(path / "checkpoints/last.ckpt", weights_only=True)["state_dict"] for path in (folder, alone))
    assert all(torch.allclose(a[name], b[name], rtol=1e-3, atol=1e-5) for name in b)
    curves = [pd.read_csv(path / "metrics.csv").groupby("epoch")["train/loss"].max() for path in (folder, alone)]
    assert curves[0].tolist() == pytest.approx(curves[1].tolist(), rel=1e-4)
    held_out = [pd.read_csv(path / runs.PREDICTIONS)["id"].tolist() for path in (folder, alone)]
    assert held_out[0] == held_out[1]


@pytest.mark.parametrize("command", [PYTHON, TORCHRUN], ids=["python", "torchrun"])
def test_two_processes_train_as_one(command, alone, tmp_path):
    output = finish(start(command, tmp_path / "run", *TWO, "trainer.max_epochs=3"))
    assert output.count("writing to") == output.count("wrote ") == 1
    assert not (tmp_path / "run-2").exists()
    assert_close(tmp_path / "run", alone)


def test_two_processes_stop_and_go_on_together(alone, tmp_path):
    folder = tmp_path / "run"
    process = start(PYTHON, folder, *TWO, "trainer.max_epochs=3")
    while process.poll() is None and not (folder / runs.LAST).exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert json.loads((folder / runs.METRICS).read_text())["status"] == "interrupted"
    output, _ = (again := subprocess.Popen([*PYTHON, f"resume={folder}"], stdout=-1, text=True)).communicate()
    assert again.returncode == 0, output
    assert "resumed after step" in output
    assert_close(folder, alone)
