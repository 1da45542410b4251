import torch

from fer.models.mini_xception import MiniXception


def test_it_has_the_parameters_of_the_original():
    """Keras counts 58,423 for the original at seven classes and one channel, 1,472 of them statistics of BatchNorm."""
    with torch.device("meta"):
        network = MiniXception(7)
    assert sum(p.numel() for p in network.parameters()) == 56_951
    statistics = [value for name, value in network.named_buffers() if name.endswith(("mean", "var"))]
    assert sum(value.numel() for value in statistics) == 1_472


def test_maps_are_as_large_as_in_the_original():
    """64 → 60 → 30 → 15 → 8 → 4 by Keras' "same" padding."""
    network, sizes = MiniXception(7), []
    for block in network.blocks:
        block.register_forward_hook(lambda layer, inputs, output: sizes.append(output.shape[-1]))
    network(torch.zeros(2, 1, 64, 64))
    assert sizes == [30, 15, 8, 4]


def test_logits_are_averages_of_maps():
    torch.manual_seed(0)
    network, maps = MiniXception(7).eval(), []
    network.output.register_forward_hook(lambda layer, inputs, output: maps.append(output))
    logits = network(torch.randn(2, 1, 48, 48))
    torch.testing.assert_close(logits, maps[0].flatten(2).mean(2))
