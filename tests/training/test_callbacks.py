from types import SimpleNamespace

import pytest
import torch

from fer.training.callbacks import Diverged, FiniteLoss, LoggedInTime

OPTIMIZER = SimpleNamespace(param_groups=[{"lr": 0.0}], defaults={"lr": 0.5})


def trainer(**changes) -> SimpleNamespace:
    known = {"log_every_n_steps": 3, "global_step": 7, "current_epoch": 1, "optimizers": [OPTIMIZER]}
    known["strategy"] = SimpleNamespace(reduce=lambda loss: loss)  # one process
    known |= {"callback_metrics": {}, "is_global_zero": True, "datamodule": None}
    return SimpleNamespace(**{**known, **changes})


def train_batch(loss: float, batch_idx: int) -> None:
    FiniteLoss().on_train_batch_end(trainer(), None, {"loss": torch.tensor(loss)}, None, batch_idx)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_training_loss_that_is_no_number_is_told_with_step_rate_and_remedy(loss):
    with pytest.raises(Diverged, match=r"training loss .* step 7 .*learning rate 0.*optimizer.lr=0.05"):
        train_batch(loss, batch_idx=2)


def test_the_loss_is_read_only_when_it_is_logged():
    train_batch(float("nan"), batch_idx=1)


def test_a_validation_loss_that_is_no_number_is_told():
    with pytest.raises(Diverged, match="validation loss"):
        FiniteLoss().on_validation_end(trainer(callback_metrics={"val/loss": torch.tensor(float("nan"))}), None)


@pytest.mark.parametrize(("batches", "interval"), [(2, 2), (500, 3), (float("inf"), 3)])
def test_each_epoch_logs_a_step_at_least(batches, interval):
    state = trainer(num_training_batches=batches)
    LoggedInTime().on_train_start(state, None)
    assert state.log_every_n_steps == interval
