"""How the runs of a sweep stand, by the files in their folders."""

import pytest

from fer import runs
from fer.config import compose_config
from fer.terminal import DONE, RUNNING, WAITING
from fer.training.sweep_rows import SweepRows, read_curve

CURVES = "epoch,step,train/loss,val/accuracy\n0,9,2.0,\n0,9,,0.25\n1,19,1.9,\n1,19,,0.75\n2,29,1.8,\n2,29,,0.5\n"


@pytest.fixture
def rows(tmp_path) -> SweepRows:
    rows = SweepRows(["seed=0", "seed=1"], ["a", "a"])
    overrides = ["trainer.max_epochs=20", "monitor=val/accuracy"]
    rows.configs = [compose_config([f"output_dir={tmp_path}/seed-{seed}", *overrides]) for seed in (0, 1)]
    return rows


def test_a_run_shows_its_epochs_its_best_figure_and_the_time_left(rows, tmp_path, monkeypatch):
    clock = iter([100.0, 160.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    rows.begin(0)
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / runs.HISTORY).write_text(CURVES)
    running, waiting = rows()
    assert (running.run, running.state, running.epoch, running.value) == ("seed=0", RUNNING, "3/20", "75.00 %")
    assert running.left == "6 min"  # 20 s an epoch
    assert (waiting.run, waiting.state, waiting.epoch) == ("seed=1", WAITING, "")


def test_the_row_of_a_run_that_is_over_is_kept(rows, tmp_path):
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / runs.HISTORY).write_text(CURVES)
    rows.begin(0)
    rows.end(0, DONE)
    (tmp_path / "seed-0" / runs.HISTORY).unlink()
    assert (rows()[0].state, rows()[0].epoch, rows()[0].left) == (DONE, "3/20", "")


@pytest.mark.parametrize(
    ("text", "curve"),
    [("", (0, None)), ("epoch,step\n", (0, None)), (CURVES + "3,39,,0.", (4, 0.75)), (CURVES, (3, 0.75))],
)
def test_a_file_that_is_being_written_is_read_as_far_as_it_goes(text, curve, tmp_path):
    (tmp_path / runs.HISTORY).write_text(text)
    assert read_curve(tmp_path, "val/accuracy") == curve


def test_losses_are_best_where_they_are_smallest(tmp_path):
    (tmp_path / runs.HISTORY).write_text(CURVES.replace("val/accuracy", "val/loss"))
    assert read_curve(tmp_path, "val/loss") == (3, 0.25)
