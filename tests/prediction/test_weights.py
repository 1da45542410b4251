"""What ships in fer/weights: small, whole, usable without a network, and as good as its card says."""

import re
import socket

import numpy as np
import pytest

from fer import shipped
from fer.data.synthetic import draw
from fer.exporting import ship
from fer.prediction import network
from fer.prediction.onnx_network import OnnxNetwork
from fer.prediction.torch_network import TorchNetwork

SUMS = shipped.read_sums(shipped.WEIGHTS / shipped.SUMS)
CARD = next(shipped.WEIGHTS.glob("*.md"))


def file(suffix: str):
    return next(shipped.WEIGHTS.glob(f"*{suffix}"))


def test_each_file_is_small_and_listed():
    assert {name.rpartition(".")[2] for name in SUMS} == {"pt", "onnx"}
    assert all((shipped.WEIGHTS / name).stat().st_size <= ship.MAX_BYTES for name in SUMS)
    assert {path.name for path in shipped.WEIGHTS.iterdir()} == {*SUMS, CARD.name, shipped.SUMS}


@pytest.mark.parametrize("differentiable", [False, True])
def test_it_loads_without_network_access(differentiable, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was wanted")

    monkeypatch.setattr(socket, "socket", refuse)
    assert network.load(None, differentiable=differentiable).classes[3] == "happy"


def test_it_has_at_most_half_a_million_parameters():
    model = TorchNetwork(file(".pt")).classifier.model
    assert sum(p.numel() for p in model.parameters()) <= ship.MAX_PARAMETERS


def test_both_files_give_the_same_answers():
    faces = draw(np.tile(np.arange(7), 10), seed=5)
    first, second = (of.probabilities(faces) for of in (OnnxNetwork(file(".onnx")), TorchNetwork(file(".pt"))))
    assert np.abs(first - second).max() < 1e-3


@pytest.mark.real
@pytest.mark.slow
def test_it_is_as_good_on_publictest_as_its_card_says(real_root):
    from hydra.utils import instantiate

    from fer.config import compose_config

    data = instantiate(compose_config(["data=fer2013", f"data.root={real_root}"]).data)
    data.setup()
    part = data.splits["val"]
    answers = OnnxNetwork(file(".onnx")).probabilities(part.images[:, 0].numpy()).argmax(1)
    stated = float(re.search(r"all images, PublicTest \| [\d,]+ \| ([\d.]+) %", CARD.read_text())[1])
    assert 100 * np.mean(answers == part.labels.numpy()) == pytest.approx(stated, abs=0.2)  # weights are in float16
