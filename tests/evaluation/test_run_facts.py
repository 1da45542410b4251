"""What a run's report says on top."""

import numpy as np
import pytest

from fer.evaluation import run_facts
from fer.evaluation.formatting import FEWEST_IMAGES
from fer.evaluation.predictions import Predictions

CLASSES = ("happy", "sad")
RECORD = {
    "command": "python -m fer.train model=cnn2 optimizer.lr=0.01 seed=3",
    "config": {
        "model": {"_target_": "fer.models.cnn.CNN"},
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.01},
        "scheduler": {"_target_": "fer.schedulers.WarmupCosine"},
        "loss": {"_target_": "fer.losses.CrossEntropy"},
        "data": {"batch_size": 64},
        "seed": 3,
    },
    "data": {"origin": "FER2013", "counts": {"train": {"happy": 30, "sad": 90}}},
    "commit": "abc",
    "hardware": {"cpu": "EPYC", "threads": 1},
    "epochs": 20,
    "fit_seconds": 120.0,
    "parameters": 12_345,
}


def predicted(happy: int, sad: int, recognised: int) -> Predictions:
    """All happy images are recognised, and `recognised` of the sad ones."""
    labels = np.repeat([0, 1], [happy, sad])
    answers = np.repeat([0, 1, 0], [happy, recognised, sad - recognised])
    ids = [f"{row}" for row in range(len(labels))]
    return Predictions(CLASSES, np.array(ids), labels, answers, np.eye(2)[answers])


def test_the_title_names_network_optimizer_data_and_seed():
    assert run_facts.title(RECORD, "study/run") == "cnn2, SGD, FER2013, seed 3"
    assert run_facts.title({}, "study/run") == "study/run"


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("SYNTHETIC FACES (data=synthetic)", "synthetic faces"),
        ("SYNTHETIC FACES, NOT FER2013 (x)", "synthetic faces, not FER2013"),
        ("FER2013", "FER2013"),
        ("AffectNet (x)", "AffectNet"),
    ],
)
def test_data_are_named_without_brackets_and_capitals(origin, name):
    assert run_facts.data_name({"origin": origin}) == name


def test_a_network_that_no_file_names_is_named_by_its_class():
    record = RECORD | {"command": "python -m fer.train 'model={_target_: mynet.Net}'"}
    assert run_facts.part_name(record, "model") == "CNN"
    assert run_facts.part_name(RECORD | {"command": None}, "model") == "CNN"


def test_five_lines_hold_accuracy_baseline_network_settings_and_command():
    accuracy, baseline, network, settings, command = run_facts.summary(
        RECORD, {"val": predicted(30, 30, 30), "test": predicted(30, 30, 15)}
    )
    assert accuracy.startswith("Accuracy: 75.0 % (")
    assert "of 60 test images; 100.0 % (" in accuracy
    assert baseline == (
        "Baseline: always answering sad gives 50.0 % on test; the hardest class is sad, with 50.0 % recognised."
    )
    assert network == "Network: cnn2, 12,345 parameters, 20 epochs in 2 min, on EPYC."
    assert settings.startswith("Settings: SGD with learning rate 0.01, schedule WarmupCosine, loss CrossEntropy, batch")
    assert command == f"Command: {RECORD['command']}, at commit abc."


def test_few_images_allow_no_claim():
    few = predicted(9, FEWEST_IMAGES - 10, 5)
    lines = run_facts.summary(RECORD, {"test": few})
    assert lines[0] == "Accuracy: test has fewer than 20 images, too few for a figure."
    assert not any("hardest" in line or "Baseline" in line for line in lines)
    assert "hardest" not in run_facts.summary(RECORD, {"test": predicted(30, FEWEST_IMAGES - 1, 5)})[1]


def test_predictions_without_a_record_give_their_accuracy_alone():
    assert len(run_facts.summary({}, {"test": predicted(30, 30, 15)})) == 1
