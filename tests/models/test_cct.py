import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torchvision.ops import StochasticDepth

from fer.models.cct import CCT

FACES = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(0))
WIDE = {"width": 256, "heads": 4, "mlp_ratio": 2}


@pytest.mark.parametrize(
    ("options", "parameters", "multiply_adds"),
    [
        ({"layers": 2}, 0.28, 0.04),
        ({}, 0.48, 0.05),
        (WIDE | {"layers": 6}, 3.33, 0.25),
        (WIDE | {"layers": 7}, 3.85, 0.29),
        (WIDE | {"layers": 7, "convolutions": 1}, 3.76, 1.19),
    ],
)
def test_the_networks_of_the_paper_cost_as_published(options, parameters, multiply_adds):
    """Hassani et al. 2021: CCT-2/3×2, -4/3×2, -6/3×2, -7/3×2, -7/3×1 on CIFAR-10; millions, and milliards an image."""
    with torch.device("meta"):
        network = CCT(10, **options, in_channels=3, image_size=32).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 32, 32))
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(parameters, abs=0.006)
    assert counter.get_total_flops() / 2e9 == pytest.approx(multiply_adds, abs=0.01)


def test_attention_mixes_tokens_by_the_softmax_of_their_products():
    torch.manual_seed(0)
    layer, tokens = CCT(7, width=8, heads=2).eval().layers[0], torch.randn(3, 5, 8)
    queries, keys, values = (tokens @ layer.queries_keys_values.weight.T).chunk(3, dim=2)
    heads = []
    for part in (slice(0, 4), slice(4, 8)):
        shares = (queries[..., part] @ keys[..., part].transpose(1, 2) / 4**0.5).softmax(2)
        heads.append(shares @ values[..., part])
    torch.testing.assert_close(layer.self_attention(tokens), layer.projection(torch.cat(heads, 2)))


def test_positions_tell_where_a_token_stands():
    network = CCT(7, width=16).eval()
    assert not torch.allclose(network(FACES), network(FACES.flip(-1)), atol=1e-6)
    torch.nn.init.zeros_(network.positions)
    maps = network.tokenizer(FACES)
    network.tokenizer = torch.nn.Identity()
    network.in_channels = -1  # keeps the channels of maps
    torch.testing.assert_close(network(maps), network(maps.flip(-1)))


@pytest.mark.parametrize(("size", "side"), [(48, 12), (32, 8), (50, 13)])
def test_positions_fit_other_sizes(size, side):
    network = CCT(7, width=16)
    assert network.position_embedding(torch.Size([side, side])).shape == (1, 16, side, side)
    assert network(torch.zeros(1, 1, size, size)).shape == (1, 7)


def test_interpolated_positions_keep_their_order():
    network = CCT(7, width=16)
    with torch.no_grad():
        network.positions.copy_(torch.arange(12.0).expand(1, 16, 12, 12))
    row = network.position_embedding(torch.Size([8, 8]))[0, 0, 0]
    assert row.diff().min() > 0.5


def test_features_are_a_weighted_mean_of_the_tokens():
    torch.manual_seed(0)
    network, tokens = CCT(7, width=16).eval(), []
    network.norm.register_forward_hook(lambda layer, inputs, output: tokens.append(output))
    features = network.features(FACES)
    assert (features <= tokens[0].amax(1) + 1e-6).all()
    assert (features >= tokens[0].amin(1) - 1e-6).all()


def test_dropout_and_stochastic_depth_are_off_in_evaluation():
    network = CCT(7, width=16, dropout=0.2, attention_dropout=0.5, stochastic_depth=0.5)
    network.eval()
    assert network(FACES).equal(network(FACES))
    network.train()
    assert not network(FACES).equal(network(FACES))
    rates = [layer.p for layer in network.modules() if isinstance(layer, StochasticDepth)]
    assert rates == pytest.approx([0.125, 0.25, 0.375, 0.5])
