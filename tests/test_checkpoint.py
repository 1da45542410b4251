import os
import pickle

import lightning.pytorch as pl
import pytest
import torch

from fer import checkpoint
from fer.classifier import Classifier
from fer.errors import UserError

PARTS = {
    "model": {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]},
    "loss": {"_target_": "fer.losses.CrossEntropy", "class_weights": "balanced"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR"},
}


@pytest.fixture
def saved(tmp_path):
    """A classifier and the checkpoint that Lightning writes of it."""
    module = Classifier(**PARTS, classes=["happy", "sad"], class_counts=[3, 1], mean=0.4, std=0.2)
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, barebones=False)
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "best.ckpt")
    return module, tmp_path / "best.ckpt"


def test_a_checkpoint_alone_gives_the_classifier_back(saved):
    module, path = saved
    loaded = checkpoint.load(path)
    faces = torch.rand(4, 1, 48, 48)
    assert loaded.classes == ("happy", "sad")
    assert loaded(faces).equal(module.eval()(faces))


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "none.ckpt")


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps({"a": 1}, protocol=2)])
def test_what_is_no_checkpoint_is_one_line(tmp_path, content):
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(UserError) as error:
        checkpoint.load(tmp_path / "x.ckpt")
    assert "not a checkpoint" in str(error.value)
    assert "\n" not in str(error.value)


class Trap:
    def __reduce__(self):
        return (os.mkdir, (os.environ["TRAP"],))


def test_a_malicious_pickle_runs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("TRAP", str(tmp_path / "sprung"))
    torch.save({"hyper_parameters": Trap(), "state_dict": {}}, tmp_path / "trap.ckpt")
    with pytest.raises(UserError):
        checkpoint.load(tmp_path / "trap.ckpt")
    assert not (tmp_path / "sprung").exists()


HOSTILE = [
    "os.system",
    "builtins.eval",
    "torch.save",
    "torch.hub.load",
    "torch.utils.cpp_extension.load_inline",
    "torch.nn.init.torch.save",
    "torch.nn.utils.parametrize.remove_parametrizations",
    "torch.optim.lr_scheduler.warnings.warn",
    "fer.models.backbone.difflib.get_close_matches",
    "fer.models.backbone.torchvision_network",
    "torch.nn.modules.module.OrderedDict",
    "",
    None,
    7,
]


@pytest.mark.parametrize("target", HOSTILE)
@pytest.mark.parametrize("part", ["model", "loss", "optimizer", "scheduler"])
def test_hostile_targets_are_refused_before_anything_is_built(saved, tmp_path, monkeypatch, target, part):
    content = torch.load(saved[1], weights_only=True)
    content["hyper_parameters"][part] = {"_target_": target}
    torch.save(content, tmp_path / "hostile.ckpt")
    monkeypatch.setattr(checkpoint, "Classifier", lambda **_: pytest.fail("something was built"))
    with pytest.raises(UserError, match="not loaded"):
        checkpoint.load(tmp_path / "hostile.ckpt")


@pytest.mark.parametrize("nest", [lambda bad: {"a": {"b": bad}}, lambda bad: {"a": [1, [bad]]}, lambda bad: [bad]])
def test_nested_hostile_targets_are_refused(nest):
    node = {"_target_": "fer.models.cnn.CNN", "blocks": nest({"_target_": "os.system", "command": "false"})}
    with pytest.raises(UserError, match=r"os\.system"):
        checkpoint.guard(node, "model")


def test_everything_that_ships_is_let_through():
    from fer.config import CONF, compose_config

    for group in ("model", "loss", "optimizer", "scheduler"):
        for path in (CONF / group).glob("*.yaml"):
            checkpoint.allowed_class(compose_config([f"{group}={path.stem}"])[group]["_target_"], group)
