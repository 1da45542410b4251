import numpy as np
import pandas as pd
import pytest
import yaml

from fer.config import compose_config
from fer.evaluation import predictions
from fer.evaluation.loading import load_classifier
from fer.training.reporting import best_epoch, majority
from fer.training.start import train

from .test_trainer import TINY

CONFIG = {"output_dir": "runs", "trainer": {}, "data": {}}


@pytest.fixture
def folder(tmp_path):
    table = {"epoch": [0, 1, 2], "step": [4, 9, 14], "val/accuracy": [0.2, 0.5, 0.4], "val/loss": [2.0, 1.8, 1.7]}
    pd.DataFrame(table).to_csv(tmp_path / "metrics.csv", index=False)
    return tmp_path


@pytest.mark.parametrize(
    ("monitor", "checkpoint", "epoch"),
    [
        ("val/accuracy", "checkpoints/best.ckpt", 2),
        ("val/loss", "checkpoints/best.ckpt", 3),
        ("val/accuracy", "checkpoints/last.ckpt", None),
        ("val/unlogged", "checkpoints/best.ckpt", None),
    ],
)
def test_the_best_epoch_is_that_of_the_scored_checkpoint(folder, monitor, checkpoint, epoch):
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG | {"monitor": monitor}))
    assert best_epoch(folder, checkpoint) == epoch


def test_the_majority_class_is_that_of_training_and_its_share_that_of_validation():
    counts = {"train": {"happy": 5, "sad": 3}, "val": {"happy": 1, "sad": 3}}
    assert majority(counts) == ("happy", 0.25)
    assert majority({"train": {"happy": 5}}) is None
    assert majority({"train": {"happy": 5}, "val": {"happy": 0}}) is None


@pytest.mark.full
def test_a_run_in_mixed_precision_is_scored_as_its_checkpoint_is_evaluated(tmp_path):
    record = train(compose_config([*TINY, "trainer.precision=bf16-mixed", f"output_dir={tmp_path / 'run'}"]))
    evaluated = load_classifier(tmp_path / "run" / record["checkpoint"])
    for split in ("val", "test"):
        predicted = evaluated.predictions(split, evaluated.logits(split))
        written = predictions.read(tmp_path / "run" / "predictions.csv")[split]
        np.testing.assert_allclose(written.probabilities, predicted.probabilities, rtol=2e-4, atol=1e-6)
        assert record[f"{split}/accuracy"] == pytest.approx(predicted.hits.mean())
