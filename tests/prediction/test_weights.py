"""What ships in fer/weights: small, whole, usable without a network, and as good as its card says."""

import re
import socket
from pathlib import Path

import numpy as np
import pytest

from fer import shipped
from fer.data.emotions import EMOTIONS
from fer.data.synthetic import draw
from fer.exporting import ship
from fer.prediction import network
from fer.prediction.onnx_network import OnnxNetwork
from fer.prediction.recogniser import Recogniser
from fer.prediction.torch_network import TorchNetwork
from fer.preprocess import to_face

SUMS = shipped.read_sums(shipped.WEIGHTS / shipped.SUMS)
NAMES = shipped.names()
every = pytest.mark.parametrize("name", NAMES)


def file(name: str, suffix: str):
    return shipped.WEIGHTS / f"{name}{suffix}"


INT8_NAMES = [name for name in NAMES if f"{name}.int8.onnx" in SUMS]


def test_every_file_is_listed():
    int8 = {f"{name}.int8.onnx" for name in INT8_NAMES}
    assert set(SUMS) == {f"{name}{suffix}" for name in NAMES for suffix in (".pt", ".onnx")} | int8
    cards = {f"{name}.md" for name in NAMES}
    assert {path.name for path in shipped.WEIGHTS.iterdir()} == {*SUMS, *cards, shipped.SUMS}


@every
def test_files_and_network_are_as_small_as_their_name_says(name):
    limit = ship.LIMITS[name]
    assert all(shipped.WEIGHTS.joinpath(each).stat().st_size <= limit.size for each in SUMS if each.startswith(name))
    model = TorchNetwork(file(name, ".pt")).classifier.model
    assert sum(p.numel() for p in model.parameters()) <= limit.parameters


@pytest.mark.parametrize("differentiable", [False, True])
def test_it_loads_without_network_access(differentiable, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a connection was wanted")

    monkeypatch.setattr(socket, "socket", refuse)
    assert network.load(None, differentiable=differentiable).classes[3] == "happy"


@every
def test_each_is_found_by_its_name(name):
    assert network.load(Path(name)).name == str(file(name, ".onnx"))
    assert network.load(Path(name), differentiable=True).name == str(file(name, ".pt"))
    assert Recogniser(checkpoint=name, detector="none").classes == EMOTIONS


@pytest.mark.full
def test_networks_that_are_sure_of_a_face_agree(astronaut):
    """Of drawn faces and of a photo, those of which every network is sure by more than 80 %."""
    photo = to_face(astronaut.crop((174, 66, 272, 164)))
    faces = np.concatenate([draw(np.tile(np.arange(7), 20), seed=6), photo[None]])
    probabilities = np.stack([OnnxNetwork(file(name, ".onnx")).probabilities(faces) for name in NAMES])
    classes = probabilities.argmax(-1)[:, (probabilities.max(-1) > 0.8).all(0)]
    assert (classes == classes[0]).all()


@every
def test_both_files_give_the_same_answers(name):
    faces = draw(np.tile(np.arange(7), 10), seed=5)
    first, second = (
        of.probabilities(faces) for of in (OnnxNetwork(file(name, ".onnx")), TorchNetwork(file(name, ".pt")))
    )
    assert np.abs(first - second).max() < 1e-3


@pytest.mark.parametrize("name", INT8_NAMES)
def test_the_int8_file_gives_nearly_the_same_answers(name):
    faces = draw(np.tile(np.arange(7), 10), seed=5)
    recogniser = Recogniser(checkpoint=name, detector="none", precision="int8").predictor
    assert recogniser.network.precision == "int8"
    assert recogniser.threshold == Recogniser(checkpoint=name).predictor.threshold > 0
    difference = np.abs(recogniser.probabilities(faces) - OnnxNetwork(file(name, ".onnx")).probabilities(faces))
    assert difference.mean() < 0.01
    assert difference.max() < 0.2


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("path", [shipped.WEIGHTS / each for each in SUMS if each.endswith(".onnx")], ids=str)
def test_it_is_as_good_on_publictest_as_its_card_says(real_root, path):
    from hydra.utils import instantiate

    from fer.config import compose_config

    data = instantiate(compose_config(["data=fer2013", f"data.root={real_root}"]).data)
    data.setup()
    part = data.splits["val"]
    answers = OnnxNetwork(path).probabilities(part.images[:, 0].numpy()).argmax(1)
    card = file(path.name.split(".")[0], ".md").read_text()
    stated = float(re.search(r"all images, PublicTest \| [\d,]+ \| ([\d.]+) %", card)[1])
    assert 100 * np.mean(answers == part.labels.numpy()) == pytest.approx(stated, abs=0.2)  # float16 weights, or int8
