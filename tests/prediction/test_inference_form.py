import pytest
import torch
import torchvision
from torch import nn

from fer.models.repvgg import RepVGG
from fer.prediction.inference_form import inference_form


def norms(network: nn.Module) -> int:
    return sum(isinstance(layer, nn.BatchNorm2d) for layer in network.modules())


def with_statistics(network: nn.Module) -> nn.Module:
    """Gives the normalisations weights and statistics that training could have left."""
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.running_mean is not None:
            for tensor in (layer.weight, layer.bias, layer.running_mean):
                nn.init.uniform_(tensor, -1, 1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    return network.eval()


class Named(nn.Sequential):
    """A Sequential that does something else in its forward."""

    def forward(self, images):
        return self[1](self[0](images) + 1)


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3)), 0),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), 1),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, track_running_stats=False)), 1),
        (lambda: nn.Sequential(nn.Conv2d(3, 4, 3, groups=1, bias=False), nn.BatchNorm2d(4), nn.ELU()), 0),
        (lambda: Named(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), 1),
        (lambda: torchvision.models.mobilenet_v3_small(num_classes=7), 0),
        (lambda: RepVGG(7, widths=(8, 8), blocks=(1, 2), in_channels=3), 0),
    ],
)
def test_it_gives_the_same_outputs_without_the_normalisations_after_convolutions(make, left):
    torch.manual_seed(0)
    network = with_statistics(make())
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    images = torch.rand(2, 3, 48, 48)
    with torch.inference_mode():
        expected, form = network(images), inference_form(network)
        assert norms(form) == left
        torch.testing.assert_close(form(images), expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(network(images), expected)  # the network itself stays as it is
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
