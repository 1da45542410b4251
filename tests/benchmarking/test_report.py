from importlib.util import find_spec
from pathlib import Path

import pytest

from fer.benchmark import benchmark
from fer.benchmarking import report, results, timing
from fer.benchmarking.costs import ACTIONS
from fer.plots import speed

FILES = {"README.md", "report.html", "benchmark.csv", "benchmark.png", "costs.csv"}


@pytest.fixture(scope="module")
def written(tmp_path_factory, tiny) -> Path:
    """The folder after one measurement without a command line."""
    folder = tmp_path_factory.mktemp("speed") / "out"
    benchmark(tiny(f"output_dir={folder}", "rounds=1", "steps=2"))
    return folder


def test_one_measurement_leaves_tables_figure_and_readme(written):
    assert {path.name for path in written.iterdir()} == FILES


def test_the_table_has_a_row_a_column(written):
    table = results.read(written / "benchmark.csv")
    columns = ["ceiling", "whole", "default"] + ["keras"] * (find_spec("tensorflow") is not None)
    assert table["column"].tolist() == columns
    assert {"images_per_s", "ratio_to_ceiling", "spread", "machine", "model", "batch_size", "commit"} <= set(table)
    assert (table["images_per_s"] > 0).all()


def test_costs_hold_the_parts_of_a_step_and_what_lies_apart(written):
    costs = results.read(written / "costs.csv")
    apart = ["validation", "checkpoint", "checkpoint on disk", "peak memory"]
    assert costs["part"].tolist()[:9] == [*ACTIONS, "logging and the rest", *apart]
    assert set(speed.PARTS) == set(costs["part"][costs["unit"] == report.STEP])


def test_the_readme_is_made_from_the_table(written):
    text = (written / "README.md").read_text()
    table = results.read(written / "benchmark.csv")
    for column, images, commit in table[["column", "images_per_s", "commit"]].to_numpy():
        assert f"| {speed.NAMES[column]} | {images:,.0f} ±" in text
        assert commit in text
    assert "python -m fer.benchmark" in text


def test_rounds_that_differ_too_much_are_said_to():
    steady, busy = (timing.summarise({"ceiling": speeds}) for speeds in ([100, 90, 119], [100, 100, 150]))
    assert report.busy_notes(steady) == []
    assert report.busy_notes(busy) == ["note: a round lies 50 % off its median; the machine was busy, so measure again"]
