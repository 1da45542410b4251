"""What a training shows: lines in pipes, one live line on terminals of any width."""

from types import SimpleNamespace

import pytest
import torch

from fer.data.resizing import Resizing
from fer.training.progress import Lines, LiveLine, planned_epochs, progress_bar

FIGURES = {f"{split}/{name}": torch.tensor(0.5) for split in ("train", "val") for name in ("loss", "accuracy")}


def trainer(**changes) -> SimpleNamespace:
    known = {"current_epoch": 0, "max_epochs": 2, "max_steps": -1, "num_training_batches": 4, "sanity_checking": False}
    return SimpleNamespace(**{**known, "callback_metrics": {}, "is_global_zero": True, "datamodule": None, **changes})


def train(bar: LiveLine, state: SimpleNamespace) -> None:
    """Lets `bar` watch two epochs of four batches and a validation."""
    bar.on_train_start(state, None)
    for state.current_epoch in range(2):
        bar.on_train_epoch_start(state, None)
        for batch in range(4):
            bar.on_train_batch_end(state, None, {"loss": torch.tensor(1.25)}, None, batch)
        print("a line of another callback that is wider than a narrow terminal")
        state.callback_metrics = FIGURES | {"images_per_s": torch.tensor(1234.0)}
        bar.on_validation_batch_end(state, None, None, None, 0)
        bar.on_validation_end(state, None)
    state.current_epoch = 2
    bar.on_train_end(state, None)


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_a_terminal_shows_one_live_line_below_the_lines_of_the_epochs(columns, terminal, monkeypatch):
    monkeypatch.setattr("fer.training.progress.REFRESH", 0)
    with terminal(columns) as screen:
        bar = progress_bar()
        train(bar, trainer())
    frames = [frame for frame in screen.frames() if frame and "left" in frame[-1] and "elapsed" not in frame[-1]]
    live = [frame[-1] for frame in frames]
    assert live[0].startswith("epoch 1/2  25 %  ")
    assert live[-1].startswith("epoch 2/2  100 %  ")
    assert all(len(line) < columns for line in live)
    assert all(sum("left" in line and "elapsed" not in line for line in frame) == 1 for frame in frames)
    epochs = [line for line in screen.lines() if line.startswith("epoch")]
    assert len(epochs) == 2
    assert epochs[0].startswith({40: "epoch 1/2: train 50.0 %", 80: "epoch 1/2: train loss 0.5000"}.get(columns, ""))
    assert all("elapsed" in line or "left" not in line for line in epochs)  # the live line is gone
    assert screen.shows_cursor()


@pytest.mark.parametrize(("variable", "colours"), [("", True), ("1", False)])
def test_no_color_keeps_colours_off_the_live_line(variable, colours, terminal, monkeypatch):
    monkeypatch.setattr("fer.training.progress.REFRESH", 0)
    monkeypatch.setenv("NO_COLOR", variable)
    with terminal(80) as screen:
        train(progress_bar(), trainer())
    assert ("\x1b[36m" in screen.text) == colours


def test_an_error_leaves_the_terminal_as_it_was(terminal):
    with terminal(80) as screen:
        bar = progress_bar()
        bar.on_train_start(trainer(), None)
        bar.on_exception(trainer(), None, RuntimeError())
        print("after")
    assert screen.lines() == ["after"]
    assert screen.shows_cursor()


def test_pipes_get_plain_lines_and_dumb_terminals_too(terminal, monkeypatch):
    assert type(progress_bar()) is Lines
    with terminal(80):
        assert type(progress_bar()) is LiveLine
        monkeypatch.setenv("TERM", "dumb")
        assert type(progress_bar()) is Lines


def test_lines_say_one_line_an_epoch(capsys):
    bar = Lines()
    state = trainer(callback_metrics=FIGURES)
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


def test_the_last_line_states_no_time_left(capsys):
    train(Lines(), trainer())
    first, last = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert "elapsed, at most" in first
    assert last.endswith("elapsed")


def test_the_time_left_counts_small_pictures_for_less(capsys, monkeypatch):
    clock = iter([0, 60, 60])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    resized = SimpleNamespace(resizing=Resizing({0: 24, 1: 48}))
    figures = {"train/loss": torch.tensor(0.5), "train/accuracy": torch.tensor(0.5)}
    state = trainer(max_epochs=3, callback_metrics=figures, datamodule=resized)
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
