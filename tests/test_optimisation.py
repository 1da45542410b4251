import lightning.pytorch as pl
import pytest
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, TensorDataset

from fer import parts
from fer.classifier import Classifier
from fer.config import CONF, compose_config
from fer.errors import UserError

CNN = {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]}
SCHEDULERS = [path.stem for path in sorted((CONF / "scheduler").glob("*.yaml"))]


def classifier(**options) -> Classifier:
    torch.manual_seed(0)
    return Classifier(**{"model": CNN, "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1}, **options})


def fit(module: Classifier) -> pl.Trainer:
    """Three epochs of four batches of six faces."""
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = pl.Trainer(accelerator="cpu", max_epochs=3, enable_checkpointing=False, num_sanity_val_steps=0, **quiet)
    faces = DataLoader(TensorDataset(torch.rand(24, 1, 48, 48), torch.arange(24) % 7), 6)
    trainer.fit(module, faces, faces)
    return trainer


@pytest.mark.parametrize("name", SCHEDULERS)
def test_every_schedule_steps_at_its_interval(name):
    node = OmegaConf.to_container(compose_config([f"scheduler={name}", "output_dir=x"]), resolve=True)["scheduler"]
    module = classifier(scheduler=node)
    trainer = fit(module)
    scheduler = trainer.lr_scheduler_configs[0]
    assert scheduler.interval == ("step" if "total_steps" in node else "epoch")
    if scheduler.interval == "step":
        assert scheduler.scheduler.last_epoch == trainer.global_step == 12
    else:
        assert scheduler.scheduler.last_epoch == 3
    if name == "plateau":
        assert scheduler.monitor == "val/accuracy"
        assert scheduler.scheduler.mode == "max"


def test_weight_decay_can_leave_biases_and_norms_alone():
    matrices, rest = classifier(decay_biases_and_norms=False).parameter_groups()
    assert all(p.ndim > 1 for p in matrices["params"])
    assert rest["weight_decay"] == 0
    everything = sum(p.numel() for p in classifier().parameters())
    assert everything == sum(p.numel() for group in (matrices, rest) for p in group["params"])


def test_frozen_parameters_are_not_in_the_optimizer():
    module = classifier(model={**CNN, "freeze": "backbone"})
    optimizer = parts.optimizer(module.hparams.optimizer, module.parameter_groups())
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


@pytest.mark.parametrize("decay", [True, False])
def test_rates_fall_by_layer(decay):
    module = classifier(layer_decay=0.5, decay_biases_and_norms=decay)
    groups = parts.optimizer(module.hparams.optimizer, module.parameter_groups()).param_groups
    rates = sorted({group["lr"] for group in groups})
    assert rates == pytest.approx([0.0125, 0.025, 0.05, 0.1])
    parameters = [parameter for group in groups for parameter in group["params"]]
    assert len(parameters) == len(list(module.model.parameters()))
    highest = next(group for group in groups if group["lr"] == 0.1)
    assert highest["params"][0] is module.model.output.weight


def test_one_cycle_keeps_the_ratios_of_layers():
    module = classifier(layer_decay=0.5)
    optimizer = parts.optimizer(module.hparams.optimizer, module.parameter_groups())
    node = {"_target_": "torch.optim.lr_scheduler.OneCycleLR", "max_lr": 0.1}
    parts.scheduler(node, optimizer, lambda: 10, 1, "max")
    ratios = [group["lr"] / optimizer.param_groups[-1]["lr"] for group in optimizer.param_groups]
    assert ratios == pytest.approx([0.125, 0.25, 0.5, 1.0])


@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_decay_is_a_share(value):
    with pytest.raises(UserError, match="layer_decay"):
        classifier(layer_decay=value)
