import pytest
import torch
import torchvision
from torch import nn

from fer import layers, parts
from fer.classifier import Classifier
from fer.errors import UserError

CNN = {"_target_": "fer.models.cnn.CNN", "blocks": [[4], [8]], "head": [8]}
OTHERS = {
    "loss": {"_target_": "fer.losses.CrossEntropy"},
    "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1},
    "scheduler": {"_target_": "torch.optim.lr_scheduler.ConstantLR"},
}


def frozen(node: dict) -> set[str]:
    return {name for name, parameter in parts.model(node, 7).named_parameters() if not parameter.requires_grad}


def test_depths_count_layers_from_the_input():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2, 7))
    assert layers.depths(network) == {
        "0.weight": 0, "0.bias": 0, "1.weight": 0, "1.bias": 0, "2.weight": 1, "2.bias": 1, "4.weight": 2, "4.bias": 2,
    }  # fmt: skip


def test_the_output_layer_is_the_last_wherever_it_is_defined():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 2, 3), nn.Linear(2, 7)
            self.norm = nn.LayerNorm(2)

    network = Net()
    assert layers.output_layer(network) is network.head
    assert layers.depths(network)["head.weight"] > layers.depths(network)["norm.weight"]
    assert layers.output_layer(nn.Sequential(nn.Conv2d(1, 7, 3))).out_channels == 7
    with pytest.raises(UserError, match="without weights"):
        layers.output_layer(nn.ReLU())


def test_freezing_by_name_count_and_backbone():
    everything = {name for name, _ in parts.model(CNN, 7).named_parameters()}
    assert frozen(CNN) == set()
    assert frozen({**CNN, "freeze": "backbone"}) == everything - {"output.weight", "output.bias"}
    assert frozen({**CNN, "freeze": "blocks.0"}) == {name for name in everything if name.startswith("blocks.0.")}
    assert frozen({**CNN, "freeze": ["blocks.*", "head"]}) == everything - {"output.weight", "output.bias"}
    assert frozen({**CNN, "freeze": 1}) == {name for name in everything if name.startswith("blocks.0.")}
    with pytest.raises(UserError, match=r"model.freeze=body.*blocks"):
        frozen({**CNN, "freeze": "body"})


def classifier(**options) -> Classifier:
    model = options.pop("model", CNN)
    return Classifier(model=model, **OTHERS, classes=list("abcdefg"), class_counts=[1] * 7, **options)


def test_frozen_norms_keep_their_statistics():
    module = classifier(model={**CNN, "freeze": "blocks.0"}).train()
    norms = [layer for layer in module.model.modules() if isinstance(layer, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    module(torch.rand(4, 1, 48, 48))
    changed = [not norm.running_mean.equal(mean) for norm, mean in zip(norms, before, strict=True)]
    assert changed == [False, True]


def test_the_backbone_is_all_but_the_output():
    module = classifier()
    ours = {id(parameter) for parameter in module.backbone.parameters()}
    theirs = {id(parameter) for parameter in module.model.parameters()}
    assert theirs - ours == {id(parameter) for parameter in module.model.output.parameters()}
    assert not any(name.startswith("backbone") for name in module.state_dict())


def test_depths_of_a_large_network_cover_all_parameters():
    network = torchvision.models.resnet18(num_classes=7)
    depths = layers.depths(network)
    assert depths.keys() == dict(network.named_parameters()).keys()
    assert depths["conv1.weight"] == 0
    assert depths["fc.weight"] == max(depths.values())
