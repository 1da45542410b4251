import pytest
from torch import nn

from fer.parameter_groups import by_layer, without_decay
from fer.parts import LR_SCALE


def network() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(2, 7))


def test_only_matrices_decay():
    matrices, others = without_decay(list(network().parameters()))
    assert [p.ndim for p in matrices["params"]] == [4, 4, 2]
    assert [p.ndim for p in others["params"]] == [1] * 5
    assert "weight_decay" not in matrices
    assert others["weight_decay"] == 0


def test_a_group_without_parameters_is_left_out():
    layer = nn.Linear(2, 3, bias=False)
    assert without_decay(list(layer.parameters())) == [{"params": [layer.weight]}]
    assert without_decay([]) == [{"params": []}]


@pytest.mark.parametrize(("decay", "count"), [(True, 3), (False, 6)])
def test_rates_fall_by_layer_from_the_last_to_the_first(decay, count):
    groups = by_layer(network(), 0.1, 0.5, decay)
    assert len(groups) == count
    assert sorted({group["lr"] for group in groups}) == pytest.approx([0.025, 0.05, 0.1])
    assert all(group["lr"] == pytest.approx(0.1 * group[LR_SCALE]) for group in groups)


def test_frozen_layers_have_no_group():
    partly = network()
    partly[0].requires_grad_(False)
    partly[1].requires_grad_(False)
    assert [group["lr"] for group in by_layer(partly, 0.1, 0.5, True)] == pytest.approx([0.05, 0.1])
