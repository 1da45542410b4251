"""Parts of one's own, from a module outside of the repository: trained, resumed, evaluated, exported, used."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from fer import evaluate, export, predict, runs, trust
from fer.config import compose_config
from fer.data.synthetic import synthetic_faces
from fer.searching import trials
from fer.searching.report import next_steps
from fer.train import train
from fer.training.sweep import Sweep

pytestmark = pytest.mark.typed

MODULE = """
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import CSVLogger
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes, width=8):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, width, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.head = nn.Linear(16 * width, num_classes)

    def forward(self, images):
        return self.head(self.body(images))


def make(n_classes):
    return Net(n_classes, width=4)


class Loss(nn.Module):
    def forward(self, logits, labels):
        return nn.functional.cross_entropy(logits, labels) * 2


class Adam(torch.optim.Adam):
    pass


class Halves(torch.optim.lr_scheduler.StepLR):
    pass


class Darker(nn.Module):
    def forward(self, images):
        return images * 0.9


class Hello(Callback):
    def on_train_start(self, trainer, pl_module):
        print("hello from the own callback")


class Log(CSVLogger):
    pass
"""
TINY = [
    "data=synthetic",
    "data.synthetic.train=70",
    "data.synthetic.val=35",
    "data.synthetic.test=35",
    "model=cnn",
    "model.blocks=[[4],[8]]",
    "model.head=[8]",
    "trainer.max_epochs=1",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "callbacks.pictures=null",
]
PARTS = {
    "model": {"model": {"_target_": "mine.Net", "width": 6}},
    "function": {"model": {"_target_": "mine.make"}},
    "loss": {"loss": {"_target_": "mine.Loss"}},
    "optimizer": {"optimizer": {"_target_": "mine.Adam", "lr": 0.001}},
    "scheduler": {"scheduler": {"_target_": "mine.Halves", "step_size": 1}},
    "augmentation": {"augment": {"darker": {"_target_": "mine.Darker"}}},
    "callback": {"callbacks": {"hello": {"_target_": "mine.Hello"}}},
    "logger": {"logger": {"own": {"_target_": "mine.Log", "save_dir": "${output_dir}", "name": "own", "version": ""}}},
    "torch_loss": {"loss": {"_target_": "torch.nn.CrossEntropyLoss"}},
    "torch_schedule": {"scheduler": {"_target_": "torch.optim.lr_scheduler.LinearLR"}},
    "timm_optimizer": {"optimizer": {"_target_": "timm.optim.Lamb", "lr": 0.01}},
}


@pytest.fixture(autouse=True)
def outside(tmp_path, monkeypatch):
    """A folder with the own module, which is the current one."""
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FER_TRUST", raising=False)
    yield
    sys.modules.pop("mine", None)


def photo() -> Path:
    faces = synthetic_faces(train=7, val=7, test=7)
    Image.fromarray(faces.images[0]).resize((200, 200)).save("photo.png")
    return Path("photo.png")


def config(part: dict):
    from omegaconf import OmegaConf, open_dict

    cfg = compose_config([*TINY, "output_dir=run"])
    with open_dict(cfg):
        for group, node in part.items():
            cfg[group] = node if "_target_" in node else OmegaConf.merge(cfg[group], node)
    return cfg


@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS)
def test_an_own_part_serves_from_training_to_prediction(part):
    folder = Path("run")
    record = train(config(part))
    assert record["status"] == "finished"
    assert record["test/accuracy"] >= 0

    record = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(record | {"status": "interrupted"}))
    trusted = ["trust=mine"] if "mine." in json.dumps(part) else []
    resumed = train(compose_config(["resume=run", *trusted]))
    assert resumed["status"] == "finished"
    assert resumed["val/loss"] == pytest.approx(record["val/loss"])

    trust.TRUSTED.clear()
    option = ["--trust", "mine"] if trusted else []
    evaluate.main(["run", "--quick", *option])
    assert json.loads((folder / "evaluation-val" / "evaluation.json").read_text())
    export.main(["run", "--out", "net.onnx", *option])
    answers = []
    for network in ("run", "net.onnx"):
        predict.main([str(photo()), "--no-detect", "--checkpoint", network, f"--json={network}.json", *option])
        answers.append(json.loads(Path(f"{network}.json").read_text()))
    assert len(answers) == 2
    assert Path("net.onnx").stat().st_size > 0


@pytest.mark.long
def test_the_five_commands_for_an_own_model(tmp_path):
    photo()
    python = f"{sys.executable} -m"
    tiny = " ".join(f"'{option}'" for option in TINY if not option.startswith("model"))
    commands = [
        f"{python} fer.train {tiny} 'model={{_target_: mine.Net, width: 6}}' output_dir=run",
        f"{python} fer.evaluate run --quick --trust mine",
        f"{python} fer.predict photo.png --checkpoint run --trust mine --no-detect",
        f"{python} fer.export run --trust mine --out net.onnx",
        f"{python} fer.predict photo.png --checkpoint net.onnx --no-detect",
    ]
    for command in commands:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    shutil.rmtree("run/evaluation-val")
    done = subprocess.run(
        [sys.executable, "-m", "fer.predict", "photo.png", "--checkpoint", "run", "--no-detect"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert "--trust mine" in done.stderr


@pytest.mark.pictures
def test_every_command_that_names_a_run_says_what_it_must_trust():
    train(config({"model": {"_target_": "mine.Net"}}))
    assert "`python -m fer.evaluate run --trust mine`" in Path("run/report.md").read_text()

    Path("run", runs.RESULTS).unlink(missing_ok=True)
    [line] = Sweep(None, None, compose_config(["output_dir=run"]), [["seed=0"]]).without_pictures([config({})])
    assert line.endswith("python -m fer.evaluate run --trust mine")

    shutil.move("run", "best/seed-0")
    plan = SimpleNamespace(study="s", seed=0, seeds=0, folder=Path())
    best = SimpleNamespace(user_attrs={"chosen": [], trials.RUN: "best/seed-0"})
    lines = next_steps(plan, best, SimpleNamespace(confirm=1), [])
    assert "python -m fer.evaluate best/seed-0/checkpoints/best.ckpt --split test --trust mine " in lines[-1]
