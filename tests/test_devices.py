"""A training step keeps to one device and never waits for it: seen without a GPU, on tensors that hold no numbers.

Tensors of FakeTensorMode have shapes and devices, and operations on two devices at once fail as on a GPU. Not covered:
mixed precision, since autocast to CUDA needs CUDA; compiled steps; kernels. The backward pass runs on the device
`lazy`, because autograd asks CUDA for its streams.
"""

from collections import Counter
from functools import cache
from typing import Any

import pytest
import torch
import yaml
from omegaconf import DictConfig
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn
from torch.utils._python_dispatch import TorchDispatchMode

from fer import parts
from fer.augment import Augment
from fer.classifier import Classifier
from fer.config import CONF, compose_config
from fer.data.batches import Batch
from fer.data.emotions import EMOTIONS
from fer.data.resizing import Resizing
from fer.training.building import plain

aten = torch.ops.aten
WAITS = {aten._local_scalar_dense.default: "item", aten.nonzero.default: "nonzero"}
MODELS = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
AUGMENT = [
    "augment=strong",
    "+augment.crop={_target_: fer.augment.Crop, size: 48, padding: 4}",
    "+augment.perspective={_target_: fer.augment.Perspective}",
    "+augment.blur={_target_: fer.augment.Blur}",
    "+augment.resized={_target_: fer.augment.ResizedCrop}",
    "+augment.cutmix={_target_: fer.augment.CutMix}",
    "+augment.mixup={_target_: fer.augment.Mixup}",
]


class Waits(TorchDispatchMode):
    """Counts operations after which the host must wait for the device."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if func in WAITS and args[0].device.type != "cpu":
            self.counts[WAITS[func]] += 1
        elif func in (aten._to_copy.default, aten.copy_.default):
            source = args[0] if func is aten._to_copy.default else args[1]
            if source.device.type != "cpu" and result.device.type == "cpu":
                self.counts["copy to the host"] += 1
        return result


@pytest.fixture(autouse=True)
def _draws(monkeypatch):
    """Fake tensors cannot draw from a Dirichlet distribution, as mixup does."""
    monkeypatch.setattr(torch, "_sample_dirichlet", lambda concentration, *_: torch.empty_like(concentration))


def moved(module: nn.Module, device: str) -> nn.Module:
    """Gives a module on the device `meta` fake parameters, buffers and metrics on another one."""

    def empty(tensor: Tensor) -> Tensor:
        return torch.empty(tensor.shape, dtype=tensor.dtype, device=device)

    for part in module.modules():
        for name, parameter in part._parameters.items():
            if parameter is not None:
                part._parameters[name] = nn.Parameter(empty(parameter), parameter.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = empty(buffer)
        for name, value in getattr(part, "_defaults", {}).items():  # states of torchmetrics
            setattr(part, name, empty(value))
    return module


@cache
def defaults() -> DictConfig:
    return compose_config(AUGMENT)


def node(group: str, name: str) -> dict[str, Any]:
    """Returns the content of a YAML file on top of the one that its `defaults` name; Hydra takes longer."""
    content = yaml.safe_load((CONF / group / f"{name}.yaml").read_text(encoding="utf-8"))
    base = content.pop("defaults", [])
    return {**(node(group, base[0]) if base else {}), **content}


def classifier(model: str, **nodes: Any) -> Classifier:
    """Returns a classifier without memory for its weights."""
    nodes = {"loss": plain(defaults().loss), "optimizer": plain(defaults().optimizer), **nodes}
    with torch.device("meta"):
        return Classifier(node("model", model), **nodes, classes=EMOTIONS, class_counts=range(1, 8), channels_last=True)


def loss_of(module: Classifier, device: str, size: int = 16) -> Tensor:
    """Forward pass, loss and metrics on augmented images of that device, with soft labels as mixup gives them."""
    images, labels = torch.rand(size, 1, 48, 48, device=device), torch.rand(size, 7, device=device)
    return module.train().training_step(Batch(images, labels, torch.arange(size, device=device)), 0)


def optimizer_step(module: Classifier) -> None:
    """A step of the optimizer; parameters without gradients get zeros."""
    parameters = module.parameter_groups()
    optimizer = parts.optimizer(module.hparams.optimizer, parameters)
    for parameter in module.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    optimizer.step()


def test_augmentation_keeps_to_one_device_and_does_not_wait():
    augment = Augment(num_classes=7, **plain(defaults().augment))
    with FakeTensorMode(), Waits() as waits:
        images = torch.zeros(16, 1, 48, 48, dtype=torch.uint8, device="cuda")
        images, labels = augment(images, torch.zeros(16, dtype=torch.int64, device="cuda"))
        images = Resizing({0: 32})(images, 0)
    assert images.device.type == labels.device.type == "cuda"
    assert not waits.counts


@pytest.mark.full
@pytest.mark.parametrize("model", MODELS)
def test_a_step_of_every_model_keeps_to_one_device_and_does_not_wait(model):
    module = classifier(model)
    with FakeTensorMode(), Waits() as waits:
        loss = loss_of(moved(module, "cuda"), "cuda")
        optimizer_step(module)
    assert loss.device.type == "cuda"
    assert not waits.counts


@pytest.mark.parametrize("optimizer", sorted(path.stem for path in (CONF / "optimizer").glob("*.yaml")))
def test_steps_of_every_optimizer_do_not_wait(optimizer):
    module = classifier("mini_xception", optimizer=node("optimizer", optimizer))
    with FakeTensorMode(), Waits() as waits:
        optimizer_step(moved(module, "cuda"))
    assert not waits.counts


@pytest.mark.parametrize("loss", sorted(path.stem for path in (CONF / "loss").glob("*.yaml")))
def test_every_loss_keeps_to_one_device(loss):
    module = classifier("mini_xception", loss=node("loss", loss) | {"class_weights": "balanced"})
    with FakeTensorMode(), Waits() as waits:
        assert loss_of(moved(module, "cuda"), "cuda").device.type == "cuda"
    assert not waits.counts


@pytest.mark.parametrize("model", ["mini_xception", "repvgg", "masking", "cct"])
def test_the_backward_pass_keeps_to_one_device_and_does_not_wait(model):
    module = classifier(model)
    with FakeTensorMode(), Waits() as waits:
        loss_of(moved(module, "lazy"), "lazy").backward()
    assert {parameter.grad.device.type for parameter in module.parameters()} == {"lazy"}
    assert not waits.counts


def test_the_moving_average_reads_its_counter_in_each_step():
    """A limit of torch's AveragedModel: on a GPU it waits to see whether it averages for the first time."""
    average, network = AveragedModel(nn.Linear(2, 2), avg_fn=get_ema_avg_fn(0.99)), nn.Linear(2, 2)
    average.update_parameters(network)
    average.n_averaged = torch.empty((), dtype=torch.long, device="meta")
    with pytest.raises(Exception, match="meta tensors"):
        average.update_parameters(network)


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda x: x.sum().item(), "local_scalar_dense"),
        (lambda x: x[x > 0], "nonzero"),
        (lambda x: x + torch.zeros(3), "at least two devices"),
    ],
)
def test_mistakes_fail(mistake, words):
    with FakeTensorMode(), pytest.raises(Exception, match=words):
        mistake(torch.zeros(3, device="cuda"))


@pytest.mark.parametrize("mistake", [lambda x: x.cpu(), lambda x: torch.zeros(3).copy_(x)])
def test_copies_to_the_host_are_counted(mistake):
    with FakeTensorMode(), Waits() as waits:
        mistake(torch.zeros(3, device="cuda"))
    assert waits.counts == {"copy to the host": 1}
