import numpy as np
import pytest
import torch

from fer.prediction import torch_network
from fer.prediction.network import accelerate
from fer.prediction.torch_network import VIEWS, TorchNetwork
from fer.views import TTA


@pytest.mark.parametrize("tta", TTA)
@pytest.mark.parametrize("images", [3, 64])
def test_all_views_in_small_batches_give_the_mean_of_the_views(tta, images, checkpoint_file, grey_faces, monkeypatch):
    monkeypatch.setattr(torch_network, "IMAGES", images)
    network = TorchNetwork(checkpoint_file)
    network.classifier.hparams.tta = tta
    faces = torch.from_numpy(grey_faces)[:, None]
    with torch.inference_mode():
        logits = network.classifier.eval().logits(faces) / (network.temperature or 1.0)
    assert np.allclose(network.probabilities(grey_faces), logits.softmax(1).numpy(), atol=1e-5)


def test_each_augmentation_has_its_number_of_views():
    assert tuple(VIEWS) == TTA


def test_bfloat16_is_used_only_where_it_is_wanted_and_the_processor_has_it(checkpoint_file, grey_faces, monkeypatch):
    network = TorchNetwork(checkpoint_file)
    exact = network.probabilities(grey_faces)
    for has in (False, True):
        monkeypatch.setattr(torch_network, "cpu_has_bf16", lambda has=has: has)
        assert not network.half
        assert accelerate(network).half == (has and not torch.cuda.is_available())
    rough = network.probabilities(grey_faces)
    assert rough.dtype == np.float32
    assert np.allclose(rough.sum(1), 1, atol=1e-5)
    assert np.abs(rough - exact).max() < 0.05
