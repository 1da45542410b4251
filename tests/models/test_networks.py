"""What holds for every network of fer.models and every entry of conf/model that names one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer.config import compose_config
from fer.models.cct import CCT
from fer.models.cnn import CNN
from fer.models.mini_xception import MiniXception
from fer.models.repvgg import RepVGG
from fer.models.resnet import ResNet

COSTS = {  # parameters, and MFLOP of an image of 48×48: two for each multiply-add of convolutions and matrices
    "vgg_lean": (1_904_519, 277.37),
    "pramerdorfer_vgg": (1_765_479, 236.08),
    "khaireddin_vgg": (29_890_759, 987.32),
    "cbam": (1_917_215, 277.57),
    "resnet_cifar": (1_554_007, 272.28),
    "masking": (1_896_887, 356.06),
    "mini_xception": (56_951, 11.04),
    "repvgg": (2_118_471, 308.19),
    "cct": (490_823, 243.34),
    "torchvision": (11_180_103, 195.92),
    "resnet_cifar model.widths=[64,128,256,512] model.blocks=[2,2,2,2]": (11_171_271, 2494.08),
    "masking model.widths=[64,128,256,512] model.blocks=[3,4,6,3]": (23_770_055, 5929.88),
    "barsoum_vgg13": (6_921_671, 986.23),
    "resnet_cifar model.preactivation=true model.squeeze_excitation=true": (1_568_167, 272.31),
    "timm model.name=resnet18": (11_173_831, 188.69),
    "timm model.name=efficientnet_b0": (4_015_939, 44.86),
    "timm model.name=mobilenetv4": (2_501_415, 21.72),
    "timm model.name=convnext_atto": (3_375_487, 45.19),
    "timm model.name=vit_tiny": (5_359_879, 406.33),
}
"""Options of model -> its costs."""
SMALL = {
    "cbam": (CNN, {"blocks": [[8], [16]], "head": [], "head_pool": 1, "attention": [None, "cbam"]}),
    "masking": (CNN, {"blocks": [[8], [16]], "head": [], "head_pool": 1, "attention": "masking"}),
    "resnet": (ResNet, {"widths": [8, 16], "blocks": [1, 2], "attention": ["masking", "cbam"]}),
    "resnet, every option": (
        ResNet,
        {
            "widths": [8, 16],
            "blocks": [1, 2],
            "preactivation": True,
            "squeeze_excitation": True,
            "stochastic_depth": 0.1,
        },
    ),
    "mini_xception": (MiniXception, {"stem": 4, "widths": [8, 16]}),
    "repvgg": (RepVGG, {"widths": [8, 16], "blocks": [1, 2]}),
    "cct": (CCT, {"width": 32, "layers": 2}),
}
small = pytest.mark.parametrize("name", SMALL)


def build(name: str, **options) -> nn.Module:
    torch.manual_seed(0)
    network, known = SMALL[name]
    return network(7, **known, **options)


def images(number: int = 8, size: int = 48, channels: int = 1) -> torch.Tensor:
    return torch.randn(number, channels, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.full
@pytest.mark.parametrize("name", COSTS)
def test_parameters_and_flops_are_as_pinned(name):
    parameters, mflop = COSTS[name]
    with torch.device("meta"):
        network = instantiate(compose_config(f"model={name}".split()).model, num_classes=7).eval()
        with FlopCounterMode(display=False) as counter:
            assert network(torch.zeros(1, 1, 48, 48)).shape == (1, 7)
    assert sum(p.numel() for p in network.parameters()) == parameters
    assert counter.get_total_flops() / 1e6 == pytest.approx(mflop, abs=0.005)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [32, 44, 48, 64])
@small
def test_any_size_gives_logits_and_features(name, size, channels):
    with torch.device("meta"):
        network = build(name, in_channels=channels)
        faces = torch.zeros(2, channels, size, size)
        assert network(faces).shape == (2, 7)
        assert network.features(faces).shape == (2, 32 if name == "cct" else 16)


@small
def test_a_grey_image_equals_itself_on_three_channels(name):
    network = build(name, in_channels=3).eval()
    torch.testing.assert_close(network(images()), network(images().expand(-1, 3, -1, -1)))


@small
def test_the_loss_reaches_every_parameter(name):
    """Distributed training fails on parameters without a gradient."""
    network = build(name).train()
    F.cross_entropy(network(images(16)), torch.arange(16) % 7).backward()
    for parameter, value in network.named_parameters():
        assert value.grad is not None, parameter
        assert value.grad.isfinite().all(), parameter
        assert value.grad.any(), parameter


@small
def test_logits_differ_between_images_and_do_not_explode_at_the_start(name):
    network = build(name)
    logits = network(images(16))
    assert 1e-4 < logits.std(0).mean() < 10


@small
def test_bfloat16_and_channels_last_change_little(name):
    network = build(name).train()
    network(images(32))  # statistics of BatchNorm
    expected = network.eval()(images())
    network.to(memory_format=torch.channels_last)
    faces = images().to(memory_format=torch.channels_last)
    torch.testing.assert_close(network(faces), expected, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(network(faces).float(), expected, rtol=0.05, atol=0.05)


@small
def test_a_step_downhill_in_bfloat16_lowers_the_loss(name):
    network, labels = build(name).train(), torch.arange(16) % 7
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    losses = []
    for _ in range(4):
        torch.manual_seed(0)  # the same branches and weights left out
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(network(images(16)).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.slow
@small
def test_onnx_answers_as_torch_in_batches_of_any_size(name):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    network = build(name).train()
    network(images(32))
    network.eval()
    shapes = ({0: torch.export.Dim("batch")},)
    model = torch.onnx.export(network, (images(2),), dynamo=True, dynamic_shapes=shapes, verbose=False).model_proto
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for number in (1, 5):
        (logits,) = session.run(None, {session.get_inputs()[0].name: images(number).numpy()})
        assert np.abs(logits - network(images(number)).detach().numpy()).max() < 1e-4


@pytest.mark.parametrize(
    ("network", "options", "words"),
    [
        (ResNet, {"blocks": [1, 2]}, "model.widths="),
        (ResNet, {"blocks": [1, 2, 0, 1]}, "model.blocks="),
        (ResNet, {"stochastic_depth": 1.0}, "model.stochastic_depth=1.0"),
        (ResNet, {"dropout": -0.1}, "model.dropout=-0.1"),
        (ResNet, {"attention": "se"}, "model.attention: no 'se'; there are null, cbam, masking"),
        (CNN, {"attention": "se"}, "model.attention: no 'se'; there are null, cbam, masking"),
        (RepVGG, {"widths": []}, "model.widths="),
        (RepVGG, {"dropout": 1}, "model.dropout=1"),
        (CCT, {"heads": 3}, "model.heads=3"),
        (CCT, {"attention_dropout": 2}, "model.attention_dropout=2"),
    ],
)
def test_impossible_options_are_named_in_one_line(network, options, words):
    with pytest.raises(ValueError, match=r"model\.") as error:
        network(7, **options)
    assert words in str(error.value)
    assert "\n" not in str(error.value)
