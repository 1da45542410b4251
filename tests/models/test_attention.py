import pytest
import torch

from fer.models.attention import CBAM, Masking
from fer.models.cnn import CNN

MAPS = torch.rand(4, 16, 12, 12, generator=torch.Generator().manual_seed(0))


def cbam() -> CBAM:
    torch.manual_seed(0)
    module = CBAM(16)
    for _ in range(50):
        module(MAPS)  # statistics of BatchNorm
    return module.eval()


def test_cbam_scales_each_value_by_a_weight_of_its_channel_and_one_of_its_position():
    scales = cbam()(MAPS) / MAPS
    assert scales.min() > 0
    assert scales.max() < 1
    channels, positions = scales[:, :, :1, :1], scales[:, :1] / scales[:, :1, :1, :1]
    torch.testing.assert_close(scales, channels * positions)
    assert channels.std(1).min() > 1e-4
    assert positions.std((2, 3)).min() > 1e-4


def test_cbam_without_evidence_passes_a_quarter():
    module = cbam()
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(module(MAPS), MAPS / 4)


def test_the_channel_weights_of_cbam_are_those_of_the_paper():
    """Two passes through the perceptron, of the average and of the maximum, summed."""
    module = cbam()
    torch.nn.init.zeros_(module.positions[1].weight)
    torch.nn.init.zeros_(module.positions[1].bias)
    first, _, second = module.channels
    total = torch.zeros(4, 16)
    for pooled in (MAPS.flatten(2).mean(2), MAPS.flatten(2).max(2).values):
        total += (pooled @ first.weight.T + first.bias).clamp(min=0) @ second.weight.T + second.bias
    torch.testing.assert_close(module(MAPS), MAPS * (1 / (1 + (-total).exp()))[:, :, None, None] / 2)


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize("size", [(12, 12), (11, 7), (3, 3), (1, 1)])
def test_a_mask_adds_shares_that_sum_to_one_over_channels(levels, size):
    torch.manual_seed(0)
    maps = MAPS[..., : size[0], : size[1]] + 0.1
    mask = Masking(16, levels).eval()(maps) / maps - 1
    assert mask.min() > -1e-5
    torch.testing.assert_close(mask.sum(1), torch.ones(4, *size), rtol=0, atol=1e-3)


def test_the_mask_of_a_position_depends_on_far_ones_through_coarse_scales():
    torch.manual_seed(0)
    maps = MAPS.clone().requires_grad_()
    for levels, least, most in ((1, 1, 1), (3, 8, 11)):
        maps.grad = None
        Masking(16, levels).eval()(maps)[0, :, 0, 0].sum().backward()
        rows = maps.grad[0].abs().sum((0, 2)).nonzero().flatten()
        assert least <= rows.max() <= most


@pytest.mark.parametrize(
    ("attention", "kinds"),
    [
        (None, [[], [], []]),
        ("cbam", [["CBAM"]] * 3),
        (["masking", None, "cbam"], [["Masking"], [], ["CBAM"]]),
        ([None, "cbam"], [[], ["CBAM"], ["CBAM"]]),
    ],
)
def test_any_block_of_the_parametric_stack_can_have_attention(attention, kinds):
    network = CNN(7, blocks=[[4], [8], [8]], head=[], attention=attention)
    names = [[type(layer).__name__ for layer in block] for block in network.blocks]
    assert [[name for name in block if name in ("CBAM", "Masking")] for block in names] == kinds


def test_masks_have_fewer_scales_in_later_blocks():
    network = CNN(7, blocks=[[4], [8], [8]], head=[], attention="masking")
    masks = [layer for layer in network.modules() if isinstance(layer, Masking)]
    assert [len(mask.down) for mask in masks] == [3, 2, 1]
