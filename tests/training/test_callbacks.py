from types import SimpleNamespace

import pytest
import torch

from fer.data.resizing import Resizing
from fer.training import callbacks
from fer.training.callbacks import Diverged, FiniteLoss, Lines, planned_epochs, progress_bar

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


def test_the_progress_bar_is_for_terminals(monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: False, raising=False)
    assert isinstance(progress_bar(), Lines)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert isinstance(progress_bar(), callbacks.RichProgressBar)


def test_lines_say_one_line_an_epoch(capsys):
    bar = Lines()
    figures = {f"{split}/{name}": torch.tensor(0.5) for split in ("train", "val") for name in ("loss", "accuracy")}
    state = trainer(current_epoch=0, max_epochs=2, max_steps=-1, callback_metrics=figures)
    bar.on_train_start(state, None)
    bar.on_train_epoch_start(state, None)
    state.current_epoch = 1
    bar.on_train_epoch_start(state, None)
    bar.on_validation_end(state, None)
    state.current_epoch = 2
    bar.on_train_end(state, None)
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("epoch 1/2: train loss 0.5000 accuracy 50.00 %; ")
    assert "val" not in first  # there was no validation in this epoch
    assert second.startswith("epoch 2/2: train loss 0.5000 accuracy 50.00 %; val loss 0.5000 accuracy 50.00 %; ")


def test_the_time_left_counts_small_pictures_for_less(capsys, monkeypatch):
    clock = iter([0, 60])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    resized = SimpleNamespace(resizing=Resizing({0: 24, 1: 48}))
    figures = {"train/loss": torch.tensor(0.5), "train/accuracy": torch.tensor(0.5)}
    state = trainer(current_epoch=0, max_epochs=3, max_steps=-1, callback_metrics=figures, datamodule=resized)
    bar = Lines()
    bar.on_train_start(state, None)
    state.current_epoch = 1
    bar.on_train_epoch_start(state, None)
    assert "60 s elapsed, at most 8 min left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("max_epochs", "max_steps", "accumulated", "epochs"), [(5, -1, 1, 5), (-1, 21, 1, 3), (2, 21, 1, 2), (-1, 21, 2, 5)]
)
def test_a_run_is_as_long_as_epochs_or_steps_allow(max_epochs, max_steps, accumulated, epochs):
    planned = SimpleNamespace(
        max_epochs=max_epochs, max_steps=max_steps, accumulate_grad_batches=accumulated, num_training_batches=10
    )
    assert planned_epochs(planned) == epochs
