import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer.models.cnn import CNN
from fer.models.repvgg import Block, RepVGG

FACES = torch.randn(8, 1, 48, 48, generator=torch.Generator().manual_seed(0))


def trained(**options) -> RepVGG:
    """With statistics and weights of BatchNorm as training leaves them: none is 0 or 1."""
    torch.manual_seed(0)
    network = RepVGG(7, **options)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
            nn.init.normal_(layer.running_mean, std=0.3)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return network.eval()


@pytest.mark.parametrize("options", [{}, {"widths": [8, 8], "blocks": [2, 1]}, {"in_channels": 3, "dropout": 0.5}])
def test_fused_gives_the_same_logits(options):
    network = trained(**options)
    logits = network(FACES)
    assert logits.std(0).min() > 0.001
    torch.testing.assert_close(network.fused()(FACES), logits, rtol=0, atol=1e-5 * logits.abs().max().item())
    exact = network.double()
    torch.testing.assert_close(exact.fused()(FACES.double()), exact(FACES.double()), rtol=1e-10, atol=1e-10)


def test_fused_is_a_plain_stack():
    network = RepVGG(7, widths=[8, 16], blocks=[2, 3]).fused()
    kinds = [type(layer) for layer in network.modules() if not any(layer.children())]
    assert kinds == [nn.Conv2d, nn.ReLU] * 5 + [nn.Dropout, nn.Linear]
    assert all(layer.kernel_size == (3, 3) for layer in network.modules() if isinstance(layer, nn.Conv2d))
    assert not network.training


def test_fused_costs_as_much_as_the_same_stack_without_branches():
    plain = CNN(7, [[32], [64, 64], [128] * 3, [256] * 3], norm="none", head=[], head_pool=1)  # pools halve instead
    fused = RepVGG(7).fused()
    flops = []
    for network in (plain, fused):
        with FlopCounterMode(display=False) as counter:
            network(FACES[:1])
        flops.append(counter.get_total_flops())
    assert flops[0] == flops[1]
    assert sum(p.numel() for p in plain.parameters()) == sum(p.numel() for p in fused.parameters())


def test_fusing_leaves_the_network_as_it_is_and_fusing_twice_changes_nothing():
    network = trained(widths=[8, 16], blocks=[1, 2]).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fused = network.fused()
    assert network.training
    assert all(isinstance(block, Block) for block in network.blocks)
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert fused.fused()(FACES).equal(fused(FACES))


def test_only_layers_that_keep_size_and_width_have_an_identity():
    network = RepVGG(7, widths=[8, 8], blocks=[2, 2])
    assert [block.identity is not None for block in network.blocks] == [False, True, False, True]
