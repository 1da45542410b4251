import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from fer.benchmarking import lightning_fit, preparation
from fer.training import fit
from fer.training.callbacks import LoggedInTime, ValidatedInTime
from fer.training.checkpointing import LastCheckpoint
from fer.training.tensorboard import Layout


def test_warm_up_steps_are_left_out_of_a_fit(clock):
    pauses = []

    def between() -> None:
        pauses.append(blocks.steps_done)
        clock.now += 1000  # the other columns' blocks

    blocks = lightning_fit.BlockTimer(2, 3, 4, clock, between)
    blocks.on_train_start(None, None)
    for step in range(blocks.total_steps):
        clock.now += 100 if step % 7 < 3 else 2
        blocks.on_train_batch_end(None, None, None, (None, torch.zeros(10 if step % 7 < 3 else 5)), step)
    assert blocks.speeds == [5 / 2, 5 / 2]
    assert pauses == [0, 7]
    assert clock.readings == 4


def test_the_whole_is_the_fit_of_train_but_for_what_saves_and_validates(tmp_path, monkeypatch, tiny, clock):
    calls = []

    class Trainer:
        def __init__(self, **options):
            calls.append(options)
            raise RuntimeError("stop")

    cfg = preparation.prepare(tiny(f"output_dir={tmp_path}", "callbacks.pictures.histograms=true"))
    datamodule = preparation.read_data(cfg)
    monkeypatch.setattr(pl, "Trainer", Trainer)
    for start in (
        lambda: fit.fit(cfg, datamodule, tmp_path),
        lambda: lightning_fit.make_trainer(cfg, lightning_fit.BlockTimer(1, 1, 1, clock), tmp_path),
    ):
        with pytest.raises(Exception, match="stop"):
            start()
    train, ours = calls
    apart = ModelCheckpoint | LastCheckpoint | EarlyStopping | LoggedInTime | ValidatedInTime | Layout
    left_out = [c for c in train["callbacks"] if isinstance(c, apart)]
    kept = [type(c) for c in train["callbacks"] if c not in left_out]
    assert len(left_out) == 6
    assert [type(c) for c in ours["callbacks"]] == [*kept, lightning_fit.BlockTimer]
    for name in ("logger", "plugins"):
        assert [type(part) for part in ours[name]] == [type(part) for part in train[name]]
    changed = {"max_epochs", "max_steps", "limit_val_batches", "enable_checkpointing", "profiler"}
    same = set(train) - changed - {"callbacks", "logger", "plugins"}
    assert {name: ours[name] for name in same} == {name: train[name] for name in same}
    assert set(ours) - set(train) <= changed
