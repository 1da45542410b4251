"""The mean of the last epochs' weights is what a run validates, scores and keeps."""

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from fer import checkpoint
from fer.config import compose_config
from fer.errors import UserError
from fer.training import experiment
from fer.training.averaging import LastEpochs

TINY = [
    "data=synthetic",
    "data.synthetic={train: 70, val: 35, test: 35}",
    "model=cnn",
    "model.blocks=[[4]]",
    "model.head=[4]",
    "average=soup",
    "callbacks.soup.epochs=2",
    "trainer.max_epochs=4",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",
    "test=false",
    "output_dir=run",
]


class Watcher(Callback):
    """Keeps the weights at the end of each epoch, and those that validation sees."""

    def __init__(self):
        self.trained, self.validated = [], []

    def on_train_epoch_end(self, trainer, pl_module):
        self.trained.append(weights(pl_module))

    def on_validation_batch_start(self, trainer, pl_module, *_):
        self.validated.append(weights(pl_module))


def weights(module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in module.model.parameters()])


def test_the_last_epochs_are_averaged(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    watcher = Watcher()
    experiment.run(compose_config([*TINY, "callbacks.checkpoint=null"]), [watcher])
    first, second, third, fourth = watcher.trained
    expected = [first, second, third, (third + fourth) / 2]
    for seen, mean in zip(watcher.validated, expected, strict=True):
        torch.testing.assert_close(seen, mean)
    torch.testing.assert_close(weights(checkpoint.load(tmp_path / "run/checkpoints/last.ckpt")), expected[-1])


def test_bad_options_are_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="epochs=0"):
        LastEpochs(0)
    with pytest.raises(UserError, match="counts epochs from the end"):
        experiment.run(compose_config([*TINY, "trainer.max_epochs=-1", "trainer.max_steps=2"]), [])
