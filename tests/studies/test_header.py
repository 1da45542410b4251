import pytest

from fer.studies import header


def run(name: str, seed: int, accuracy: float, status: str = "finished") -> dict:
    figures = {"val/accuracy": accuracy, "test/accuracy": accuracy + 0.01, "fit_seconds": 90}
    config = {"seed": seed, "monitor": "val/accuracy"}
    rest = {"hardware": {"cpu": "x", "threads": 2}, "data": {"official_split": True}}
    return {"name": name, "status": status, "config": config, **rest, **figures}


RUNS = [run("a", 0, 0.5), run("a", 1, 0.6), run("b", 0, 0.4), run("b", 1, 0.9, "failed")]


def test_it_tells_the_best_in_validation():
    assert (
        header.line(RUNS, with_test=False)
        == "# Measured: best of 2 (a) val 55.0 ± 7.1 %; 1.5 min a run, seeds 0, 1; x, 2 threads."
    )


def test_a_split_of_its_own_does_not_compare():
    own = [run("own", seed, 0.99) | {"data": {"official_split": False}} for seed in (0, 1)]
    assert header.line(RUNS + own, with_test=True) == header.line(RUNS, with_test=True)
    assert "val 99.0 ± 0.0 %" in header.line(own, with_test=False)


def test_test_is_told_on_request_only():
    assert "test" not in header.line(RUNS, with_test=False)
    assert "val 55.0 ± 7.1 %, test 56.0 ± 7.1 %" in header.line(RUNS, with_test=True)


def test_runs_steered_by_another_figure_are_told_by_it():
    steered = [
        one | {"config": {"seed": one["config"]["seed"], "monitor": "val/macro_f1"}, "val/macro_f1": share}
        for one, share in zip(RUNS[:3], (0.3, 0.4, 0.6), strict=True)
    ]
    assert "best of 2 (b) val macro f1 60.0 %;" in header.line(steered, with_test=False)


@pytest.mark.parametrize("times", [1, 2])
def test_it_stands_once_below_the_comments(times, tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("# @package _global_\n# What it is.\nstudy: a  # x\n")
    for _ in range(times):
        assert header.stamp(path, "# Measured: y.")
    assert path.read_text() == "# @package _global_\n# What it is.\n# Measured: y.\nstudy: a  # x\n"


def test_without_a_recipe_nothing_is_written(tmp_path):
    assert not header.stamp(tmp_path / "a.yaml", "# Measured: y.")
    assert not list(tmp_path.iterdir())
