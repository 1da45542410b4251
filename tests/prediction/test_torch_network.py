from pathlib import Path

import numpy as np
import pytest
import torch

from fer import shipped
from fer.errors import UserError
from fer.prediction import torch_network
from fer.prediction.network import accelerate, describe, int8_file, load
from fer.prediction.torch_network import TorchNetwork
from fer.tta import VIEWS


@pytest.mark.parametrize("tta", VIEWS)
@pytest.mark.parametrize("images", [3, 64])
def test_all_views_in_small_batches_give_the_mean_of_the_views(tta, images, checkpoint_file, grey_faces, monkeypatch):
    monkeypatch.setattr(torch_network, "IMAGES", images)
    network = load(checkpoint_file, tta=tta)
    faces = torch.from_numpy(grey_faces)[:, None]
    with torch.inference_mode():
        logits = network.classifier.eval().logits(faces) / (network.temperature or 1.0)
    assert np.allclose(network.probabilities(grey_faces), logits.softmax(1).numpy(), atol=1e-5)


def test_bfloat16_is_used_only_where_it_is_wanted_and_the_processor_has_it(checkpoint_file, grey_faces, monkeypatch):
    network = TorchNetwork(checkpoint_file)
    exact = network.probabilities(grey_faces)
    for has in (False, True):
        monkeypatch.setattr(torch_network, "cpu_has_bf16", lambda has=has: has)
        assert not network.half
        assert accelerate(network).half == (has and not torch.cuda.is_available())
        assert ("bfloat16" in describe(network)) == network.half
    rough = network.probabilities(grey_faces)
    assert rough.dtype == np.float32
    assert np.allclose(rough.sum(1), 1, atol=1e-5)
    assert np.abs(rough - exact).max() < 0.05


def test_answers_do_not_depend_on_the_batch(checkpoint_file, grey_faces):
    network = accelerate(TorchNetwork(checkpoint_file))
    alone = np.concatenate([network.probabilities(face[None]) for face in grey_faces])
    assert np.abs(network.probabilities(grey_faces) - alone).max() < 1e-4


def test_float32_is_kept_on_demand_and_bfloat16_refused_without_instructions(checkpoint_file, monkeypatch):
    monkeypatch.setattr(torch_network, "cpu_has_bf16", lambda: True)
    assert not accelerate(TorchNetwork(checkpoint_file), "32").half
    monkeypatch.setattr(torch_network, "cpu_has_bf16", lambda: False)
    with pytest.raises(UserError, match="bfloat16 needs a checkpoint"):
        accelerate(TorchNetwork(checkpoint_file), "bf16")


def test_int8_is_the_file_that_the_export_writes_beside_a_checkpoint(tmp_path):
    path = tmp_path / "best.ckpt"
    with pytest.raises(UserError, match=r"best\.int8\.onnx: no such file; python -m fer\.export"):
        int8_file(path)
    (tmp_path / "best.int8.onnx").write_bytes(b"")
    assert int8_file(path) == int8_file(tmp_path / "best.int8.onnx") == tmp_path / "best.int8.onnx"


def test_a_network_that_ships_is_read_from_its_checkpoint_for_other_views(grey_faces):
    other = load(Path("tiny"), tta="affine")
    assert isinstance(other, TorchNetwork)
    assert np.abs(other.probabilities(grey_faces) - load(Path("tiny")).probabilities(grey_faces)).max() > 1e-4


def test_other_views_of_an_onnx_file_are_refused_in_one_line():
    with pytest.raises(
        UserError, match="the views of a face are part of an ONNX file; --tta needs a checkpoint or a run"
    ):
        load(shipped.network_path("tiny"), tta="affine")
