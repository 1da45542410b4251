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
