import pytest
import torch
from torch import nn
from torchvision.ops import SqueezeExcitation, StochasticDepth

from fer.models.resnet import Block, PreactivationBlock, ResNet

IMAGES = torch.randn(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
MAPS = torch.randn(64, 4, 8, 8, generator=torch.Generator().manual_seed(0))


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(("blocks", "published"), [(3, 0.27), (5, 0.46), (9, 0.85), (18, 1.7)])
def test_the_networks_of_the_paper_have_its_parameters(blocks, published):
    """ResNet-20, -32, -56 and -110 of He et al. 2016, table 6, in millions; shortcuts by convolution add 0.003."""
    with torch.device("meta"):
        network = ResNet(10, widths=[16, 32, 64], blocks=[blocks] * 3, in_channels=3)
    assert count(network) / 1e6 == pytest.approx(published, abs=0.05 if blocks == 18 else 0.01)


def test_three_stages_of_one_block_by_hand():
    with torch.device("meta"):
        network = ResNet(7, widths=[4, 8], blocks=[1, 1])
    stem, first = 9 * 4 + 8, 2 * (9 * 4 * 4 + 8)
    second = 9 * 4 * 8 + 16 + 9 * 8 * 8 + 16 + 4 * 8 + 16
    assert count(network) == stem + first + second + 8 * 7 + 7


@pytest.mark.parametrize("kind", [Block, PreactivationBlock])
def test_a_block_without_branch_is_its_shortcut(kind):
    block = kind(4, 4, 1, False, 0.0).eval()
    last = block.branch[-1][-1] if kind is Block else block.branch[-1]  # BatchNorm, or the convolution
    nn.init.zeros_(last.weight)
    torch.testing.assert_close(block(MAPS), MAPS.relu() if kind is Block else MAPS)


def test_before_the_sum_the_preactivation_block_normalises_and_cuts_off():
    """Neither scale nor offset of the input reaches the branch."""
    block = PreactivationBlock(4, 4, 1, False, 0.0).train()
    torch.testing.assert_close(block(MAPS) - MAPS, block(3 * MAPS + 5) - (3 * MAPS + 5), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("preactivation", [False, True])
def test_stochastic_depth_leaves_out_the_branches_of_some_images(preactivation):
    torch.manual_seed(0)
    block = (PreactivationBlock if preactivation else Block)(4, 4, 1, False, 0.5).train()
    passed = MAPS if preactivation else MAPS.relu()
    left_out = (block(MAPS) == passed).flatten(1).all(1)
    assert 16 < left_out.sum() < 48


def test_rates_of_stochastic_depth_grow_linearly_to_the_last_block():
    network = ResNet(7, widths=[4, 8], blocks=[2, 2], stochastic_depth=0.4)
    rates = [layer.p for layer in network.modules() if isinstance(layer, StochasticDepth)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4])


def test_stochastic_depth_is_off_in_evaluation():
    plain, dropping = (ResNet(7, widths=[4, 8], blocks=[1, 2], stochastic_depth=rate) for rate in (0.0, 0.9))
    dropping.load_state_dict(plain.state_dict())
    torch.testing.assert_close(dropping.eval()(IMAGES), plain.eval()(IMAGES))
    assert not torch.allclose(dropping.train()(IMAGES), dropping(IMAGES))


@pytest.mark.parametrize("preactivation", [False, True])
def test_squeeze_and_excitation_stands_in_every_branch(preactivation):
    network = ResNet(7, widths=[16, 256], blocks=[1, 2], preactivation=preactivation, squeeze_excitation=True)
    gates = [layer for layer in network.modules() if isinstance(layer, SqueezeExcitation)]
    assert [gate.fc1.out_channels for gate in gates] == [8, 16, 16]


def test_the_stem_keeps_the_size_and_each_further_stage_halves_it():
    sizes = []
    network = ResNet(7, widths=[4, 8, 8], blocks=[1, 1, 1])
    for stage in network.stages:
        stage.register_forward_hook(lambda layer, inputs, output: sizes.append(output.shape[-1]))
    network(IMAGES)
    assert sizes == [32, 16, 8]
