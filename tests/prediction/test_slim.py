import numpy as np
import pytest
import torch

from fer import checkpoint
from fer.prediction.slim import slim
from fer.prediction.torch_network import TorchNetwork


@pytest.mark.parametrize("half", [False, True])
def test_a_slim_checkpoint_answers_like_the_whole_one(checkpoint_file, tmp_path, faces, half):
    torch.save(slim(checkpoint.read(checkpoint_file), 1.5, half), tmp_path / "slim.pt")
    ours, whole = TorchNetwork(tmp_path / "slim.pt"), TorchNetwork(checkpoint_file)
    whole.temperature = 1.5
    assert ours.temperature == 1.5
    assert np.abs(ours.probabilities(faces) - whole.probabilities(faces)).max() < (0.01 if half else 1e-6)
    assert (tmp_path / "slim.pt").stat().st_size < checkpoint_file.stat().st_size


def test_nothing_of_the_machine_travels(checkpoint_file):
    content = checkpoint.read(checkpoint_file)
    content["hyper_parameters"]["experiment"] = {"data": {"root": "/home/me", "source": "fer2013"}, "output_dir": "/x"}
    left = slim(content, None, half=False)
    assert set(left) == {"hyper_parameters", "state_dict", "temperature"}
    assert left["hyper_parameters"]["experiment"] == {"data": {"root": None, "source": "fer2013"}, "output_dir": None}
