import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from fer.config import compose_config
from fer.models.cnn import CNN

FACES = torch.rand(3, 1, 48, 48, generator=torch.Generator().manual_seed(0))
SMALL = {"blocks": [[4], [8]], "head": [16]}


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


def option(name: str, classes: int) -> nn.Module:
    return instantiate(compose_config([f"model={name}"]).model, num_classes=classes)


@pytest.mark.parametrize(
    ("name", "classes", "count"),
    [
        ("cnn2", 7, 716_359),
        ("cnn3", 7, 5_999_815),
        ("cnn3", 4, 5_999_044),
        ("plain", 4, 111_684),
        ("simple", 4, 1_274_628),
        ("deep", 4, 5_979_268),
        ("wide", 4, 10_470_916),
        ("strided", 4, 1_274_180),
        ("cnn3_light", 7, 2_651_751),
        ("cnn3_dense2", 7, 2_764_679),
        ("cnn4", 7, 1_765_991),
        ("plain_small", 7, 1_199_495),
        ("plain_medium", 7, 1_274_375),
        ("plain_large", 7, 2_649_831),
    ],
)
def test_parameter_counts(name, classes, count):
    assert parameters(option(name, classes)) == count


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 111_684),
        ({"kernel_size": 5}, 277_060),
        ({"kernel_size": 7}, 525_124),
        ({"stride": 2, "pool": "none"}, 111_684),
        ({"padding": 0, "head_pool": 3}, 97_860),
        ({"pool_size": 3, "pool_stride": 2, "pool_padding": 1}, 111_684),
        ({"pool": "avg"}, 111_684),
    ],
)
def test_the_studies_of_the_plain_net_are_one_option_each(change, count):
    overrides = ["model=plain", *(f"model.{key}={value}" for key, value in change.items())]
    model = instantiate(compose_config(overrides).model, num_classes=4)
    assert parameters(model) == count
    assert model(FACES).shape == (3, 4)


@pytest.mark.parametrize("norm", ["batch", "group", "layer", "instance", "none"])
def test_every_norm_runs(norm):
    model = CNN(7, **SMALL, norm=norm, head_norm=norm)
    assert model(FACES).isfinite().all()


@pytest.mark.parametrize(
    "activation", ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "Mish", "PReLU"]
)
def test_activations_go_by_torchs_names(activation):
    model = CNN(7, **SMALL, activation=activation)
    kinds = {type(module).__name__.lower() for module in model.modules()}
    assert activation.replace("_", "").lower() in kinds
    assert model(FACES).isfinite().all()


def test_norm_comes_before_or_after_the_activation():
    def order(norm_last):
        kinds = [type(module) for module in CNN(7, **SMALL, norm_last=norm_last).blocks[0]]
        return kinds.index(nn.BatchNorm2d) < kinds.index(nn.ReLU)

    assert order(norm_last=False)
    assert not order(norm_last=True)


@pytest.mark.parametrize("init", ["he", "glorot"])
def test_signals_pass_deep_stacks_without_norm_where_the_start_says_so(init):
    images = torch.randn(64, 1, 48, 48)
    spread = {}
    for start in ("default", init):
        torch.manual_seed(0)
        net = CNN(7, blocks=[[32, 32], [64, 64], [128, 128]], norm="none", head_norm="none", init=start).eval()
        spread[start] = net(images).std(dim=0).mean()
    assert spread[init] > 5 * spread["default"]


def test_dropout_of_channels_drops_whole_maps():
    model = CNN(7, blocks=[[32]], dropout=0.5, channel_dropout=True, norm="none", activation="sigmoid", head=[])
    maps = model.blocks(FACES)  # sigmoid is never zero, dropout alone makes zeros
    empty = (maps == 0).flatten(2).all(2)
    assert empty.any()
    assert (maps == 0).flatten(2).any(2).equal(empty)


def test_no_dropout_leaves_no_dropout_layer():
    model = CNN(7, **SMALL, dropout=0, head_dropout=0)
    assert not any(isinstance(module, nn.Dropout | nn.Dropout2d) for module in model.modules())


def test_a_grey_image_equals_itself_on_three_channels():
    model = CNN(7, **SMALL, in_channels=3).eval()
    assert model(FACES).equal(model(FACES.expand(-1, 3, -1, -1)))


def test_features_are_what_the_output_layer_sees():
    model = CNN(7, **SMALL).eval()
    assert model.features(FACES).shape == (3, 16)
    assert model.output(model.features(FACES)).equal(model(FACES))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"norm": "bach"}, "model.norm: no 'bach'; there are batch"),
        ({"activation": "rellu"}, "model.activation: no 'rellu'; there are relu"),
        ({"pool": "mean"}, "model.pool: no 'mean'; there are max"),
        ({"init": "zero"}, "model.init: no 'zero'; there are he"),
        ({"dropout": 1.0}, "model.dropout=1.0"),
        ({"blocks": [[4]] * 7}, "block 6 leaves no pixels"),
    ],
)
def test_errors_say_what_there_is(change, words):
    with pytest.raises(ValueError, match="model") as error:
        CNN(7, **{**SMALL, **change})
    assert words in str(error.value)
    assert "\n" not in str(error.value)
