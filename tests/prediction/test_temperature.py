import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from fer import checkpoint, export
from fer.data.emotions import EMOTIONS
from fer.evaluation import calibration
from fer.exporting.exported_model import exported_model
from fer.prediction.network import describe, load
from fer.prediction.temperature import BOUNDED, KEY, calibration_for
from fer.prediction.torch_network import TorchNetwork


@pytest.fixture
def run(checkpoint_file, tmp_path):
    """A run whose predictions on validation are much too sure."""
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("best.ckpt", "last.ckpt"):
        shutil.copy(checkpoint_file, folder / "checkpoints" / name)
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 7, 400), rng.normal(0, 1, (400, 7))
    logits[np.arange(400), labels] += 1
    table = pd.DataFrame(calibration.softmax(4 * logits), columns=list(EMOTIONS)).round(5)
    names = np.array(EMOTIONS)
    known = {"split": "val", "id": np.arange(400), "true": names[labels], "predicted": names[logits.argmax(1)]}
    pd.concat([pd.DataFrame(known), table], axis=1).to_csv(folder / "predictions.csv", index=False)
    (folder / "metrics.json").write_text(json.dumps({"checkpoint": "checkpoints/best.ckpt"}))
    return folder


def temperature_of(path, content):
    return calibration_for(path, content).temperature


def test_it_is_fitted_on_validation_where_only_predictions_tell(run):
    found, remark = calibration_for(run / "checkpoints" / "best.ckpt", {})
    assert 3 < found < 4  # the table is rounded to five decimals, and the remark says so
    assert remark == BOUNDED
    assert BOUNDED in describe(TorchNetwork(run / "checkpoints" / "best.ckpt"))


def test_what_the_run_recorded_is_taken(run):
    (run / "metrics.json").write_text(json.dumps({"checkpoint": "checkpoints/best.ckpt", "temperature": 1.5}))
    assert temperature_of(run / "checkpoints" / "best.ckpt", {}) == 1.5


def test_too_few_faces_fit_none(run):
    table = pd.read_csv(run / "predictions.csv")
    table.head(50).to_csv(run / "predictions.csv", index=False)
    assert temperature_of(run / "checkpoints" / "best.ckpt", {}) is None


def test_it_is_that_of_the_scored_checkpoint_only(run):
    assert temperature_of(run / "checkpoints" / "last.ckpt", {}) is None


def test_a_file_that_holds_its_own_needs_no_run(tmp_path):
    assert temperature_of(tmp_path / "net.pt", {"temperature": 2.0}) == 2.0
    assert temperature_of(tmp_path / "net.pt", {}) is None


def test_probabilities_are_the_softmax_of_logits_by_temperature(run, faces):
    network = TorchNetwork(run / "checkpoints" / "best.ckpt")
    logits = checkpoint.load(run / "checkpoints" / "best.ckpt").logits(torch.from_numpy(faces)[:, None])
    expected = (logits / network.temperature).softmax(1).detach().numpy()
    assert np.allclose(network.probabilities(faces), expected, atol=1e-6)


@pytest.fixture
def mirrored(checkpoint_file, tmp_path):
    """The network with test-time flip and the temperature 2.5, far from its run."""
    content = torch.load(checkpoint_file, weights_only=True)
    content["hyper_parameters"]["tta"] = "flip"
    torch.save(content | {KEY: 2.5}, tmp_path / "flip.ckpt")
    return tmp_path / "flip.ckpt"


def test_with_flip_scoring_prediction_and_export_divide_the_same_logits(mirrored, faces):
    classifier, images = checkpoint.load(mirrored), torch.from_numpy(faces)[:, None]
    with torch.no_grad():
        _, _, scored = classifier.predict_step((images, None, None, 1.0), 0)
        both = (classifier(images) + classifier(images.flip(-1))) / 2
        exported = exported_model(checkpoint.load(mirrored), 2.5)(images).numpy()
    assert torch.allclose(scored, both, atol=1e-6)
    assert not torch.allclose(both, classifier(images), atol=1e-3)
    expected = (both / 2.5).softmax(1).numpy()
    assert np.allclose(TorchNetwork(mirrored).probabilities(faces), expected, atol=1e-6)
    assert np.allclose(exported, expected, atol=1e-6)


@pytest.mark.slow
def test_the_exported_file_answers_as_the_checkpoint_with_flip_and_temperature(mirrored, faces):
    export.main([str(mirrored), "--out", str(mirrored.with_suffix(".onnx"))])
    there = load(mirrored.with_suffix(".onnx"))
    assert there.temperature == 2.5
    assert np.allclose(there.probabilities(faces), TorchNetwork(mirrored).probabilities(faces), atol=1e-5)
