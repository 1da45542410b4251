import itertools
import re

import numpy as np
import pandas as pd
import pytest

from fer.report_page import page
from fer.studies.conclusions import conclude
from fer.studies.factors import DEFAULT


def run(optimizer: str, scheduler: str, seed: int, accuracy: float, **more) -> dict:
    typed = [f"optimizer={optimizer}"] + [f"scheduler={scheduler}"] * (scheduler != DEFAULT)
    return {
        "name": ",".join(typed),
        "command": " ".join(["python -m fer.train", *typed, f"seed={seed}"]),
        "status": "finished",
        "config": {"seed": seed, "monitor": "val/accuracy"},
        "val/accuracy": accuracy,
        "curves": [{"epoch": 1, "val/accuracy": accuracy / 2}, {"epoch": 2, "val/accuracy": accuracy}],
        **more,
    }


@pytest.fixture
def runs() -> list[dict]:
    cells = list(itertools.product(("sgd", "adam"), (DEFAULT, "step"), range(3)))
    noise = np.random.default_rng(1).normal(0, 1e-4, len(cells))
    return [
        run(o, s, seed, 0.5 + 0.1 * (o == "adam") + 0.003 * seed + 0.002 * (s == "step") + error)
        for (o, s, seed), error in zip(cells, noise, strict=True)
    ]


def test_every_option_gets_its_sentence_and_picture(runs, tmp_path):
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "- **optimizer**: adam beats sgd by 10.0 points" in text
    assert "- **scheduler**: " in text
    assert {path.name for path in tmp_path.iterdir()} == {"effects.png", "learning.png"}
    assert all(f"({path.name})" in text for path in tmp_path.glob("*.png"))
    assert text.count("| adam − sgd |") + text.count("| sgd − adam |") == 1


def test_an_option_that_depends_on_another_is_told_at_each_of_its_values(runs, tmp_path):
    for one, noise in zip(runs, np.random.default_rng(0).normal(0, 0.001, len(runs)), strict=True):
        one["val/accuracy"] += noise - 0.3 * ("adam" in one["name"] and "step" in one["name"])
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "- **optimizer**: its effect depends on scheduler (interaction, p < 0.0001). On average over" in text
    assert "  - at scheduler default: adam beats sgd by 10" in text
    assert "  - at scheduler step: sgd beats adam by 2" in text
    assert "| optimizer at scheduler step |" in text
    assert re.search(r"On average over scheduler.*?<ul>\n<li>at scheduler default", page("", text, tmp_path), re.DOTALL)
    assert "also compared at each level of the other" in text


def test_beside_a_learning_rate_each_is_told_at_its_own_best(tmp_path):
    means = {("sgd", "0.01"): 0.5, ("sgd", "0.1"): 0.61, ("adam", "0.01"): 0.7, ("adam", "0.1"): 0.3}
    runs = [
        run(optimizer, DEFAULT, seed, mean + noise)
        | {"command": f"x optimizer={optimizer} optimizer.lr={lr} seed={seed}"}
        for ((optimizer, lr), mean), errors in zip(
            means.items(), np.random.default_rng(0).normal(0, 1e-4, (4, 3)), strict=True
        )
        for seed, noise in enumerate(errors)
    ]
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "  - each at its own best (sgd 0.1, adam 0.01): adam beats sgd by 9.0 points" in text
    assert text.count("each at its own best") == 1
    assert "| optimizer at optimizer.lr best |" in text


def test_two_equal_differences_are_too_few(tmp_path):
    runs = [
        run(optimizer, DEFAULT, seed, 0.5 + 0.025 * (optimizer == "adam"))
        for optimizer in ("sgd", "adam")
        for seed in (0, 1)
    ]
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "no significant difference in 4 runs; the largest is adam over sgd by 2.5 points (in each of the 2" in text
    six = [
        run(optimizer, DEFAULT, seed, 0.5 + 0.025 * (optimizer == "adam"))
        for optimizer in ("sgd", "adam")
        for seed in range(6)
    ]
    assert "adam beats sgd by 2.5 points (in each of the 6 pairs of runs)" in "\n".join(conclude(six, tmp_path).parts)


@pytest.mark.parametrize(("levels", "sentence"), [(2, False), (3, True)])
def test_one_comparison_is_not_corrected(levels, sentence, tmp_path):
    runs = [run(f"o{n}", DEFAULT, seed, 0.5 + n / 10 + seed**n / 1000) for n in range(levels) for seed in range(3)]
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert ("corrected for the 3 comparisons (Holm)" in text) is sentence
    assert "comparisons (Holm)" in text or not sentence
    assert " 1 comparisons" not in text


def test_of_many_options_the_two_that_need_each_other_most_are_drawn(runs, tmp_path):
    for one, noise in zip(runs, np.random.default_rng(0).normal(0, 0.001, len(runs)), strict=True):
        one["val/accuracy"] += noise
    twice = [
        one | {"command": f"{one['command']} augment={name}"} for name in ("none", "light", "strong") for one in runs
    ]
    conclude(twice, tmp_path)
    assert {path.name for path in tmp_path.glob("*.png")} == {"effects.png", "learning.png"}
    for one in twice:
        one["val/accuracy"] -= 0.3 * ("adam" in one["name"] and "light" in one["command"])
    text = "\n".join(conclude(twice, tmp_path).parts)
    assert "(two_factors.png)" in text
    assert {path.name for path in tmp_path.glob("*.png")} == {"two_factors.png", "learning.png"}
    assert "its effect depends on augment" in text


def test_the_means_of_four_pairs_stand_in_a_sentence(runs, tmp_path):
    for one, noise in zip(runs, np.random.default_rng(0).normal(0, 0.001, len(runs)), strict=True):
        one["val/accuracy"] += noise - 0.3 * ("adam" in one["name"] and "step" in one["name"])
    text = "\n".join(conclude(runs, tmp_path).parts)
    means = {cell: np.mean([one["val/accuracy"] for one in runs if cell in one["name"]]) for cell in ("sgd,", "adam,")}
    assert f"{100 * means['adam,']:.1f} % with optimizer adam and scheduler step" in text
    assert f"{100 * means['sgd,']:.1f} % with optimizer sgd and scheduler step" in text
    assert not (tmp_path / "two_factors.png").exists()


def test_a_study_whose_runs_all_failed_names_them(runs, tmp_path):
    lost = [one | {"status": "failed", "error": "no memory"} for one in runs]
    items, parts = conclude(lost, tmp_path)
    assert items == []
    assert "\n".join(parts).count("failed (no memory)") == len(runs)


def test_a_study_is_judged_by_what_steered_all_its_runs(runs, tmp_path):
    for one in runs:
        one["config"]["monitor"] = "val/balanced_accuracy"
        one["val/balanced_accuracy"] = 1 - one["val/accuracy"]
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "- **optimizer**: sgd beats adam by 10.0 points" in text
    assert "mean difference in validation balanced accuracy" in text
    runs[0]["config"]["monitor"] = "val/loss"  # of one run alone: the epochs of the runs were chosen differently
    assert "- **optimizer**: adam beats sgd" in "\n".join(conclude(runs, tmp_path).parts)


def test_failed_and_missing_runs_are_named(runs, tmp_path):
    runs[0] |= {"status": "failed", "error": "Diverged: the loss is nan"}
    text = "\n".join(conclude(runs[:-1], tmp_path).parts)
    assert "- optimizer=sgd seed 0: failed (Diverged: the loss is nan)" in text
    assert "- never started: optimizer=adam scheduler=step seed=2" in text


def test_runs_that_differ_in_their_seeds_alone_conclude_nothing(runs, tmp_path):
    assert conclude(runs[:3], tmp_path).parts == []
    assert not list(tmp_path.iterdir())


def test_a_search_is_told_by_trends_and_importance(tmp_path):
    pytest.importorskip("optuna")
    runs = [run("adam", DEFAULT, 0, 0.5 + n / 100) for n in range(12)]
    for n, one in enumerate(runs):
        one["command"] += f" optimizer.lr={0.001 * (n + 1)} model.dropout={(n * 5 % 12) / 20} model={'ab'[n % 2]}"
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert (tmp_path / "effects.png").exists()
    assert "- **optimizer.lr**: larger values are better" in text
    assert "Share of the variance between the trials (functional ANOVA): optimizer.lr " in text


def test_a_search_whose_runs_all_gave_the_same_has_no_trend(tmp_path):
    runs = [run("adam", DEFAULT, 0, 0.5) for _ in range(12)]
    for n, one in enumerate(runs):
        one["command"] += f" optimizer.lr={0.001 * (n + 1)}"
        one["name"] += str(n)
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "**optimizer.lr**: all runs gave the same validation accuracy." in text
    assert "## Means" not in text  # of levels that occur once
    assert "intervals" not in text


@pytest.mark.full
def test_runs_on_two_sources_differ_in_their_data(runs, tmp_path):
    """Though the command tells them apart by an option that only one of them needs."""
    layouts = {"class folders + fer2013.csv (emotion, pixels, usage)": "", "fer2013.csv (emotion)": "data.limit=9"}
    doubled = [
        one | {"command": f"{one['command']} {option}", "data": {"layout": layout, "fingerprint": layout}}
        for layout, option in layouts.items()
        for one in runs
    ]
    for one in doubled[: len(runs)]:
        one["val/accuracy"] += 0.2
    text = "\n".join(conclude(doubled, tmp_path).parts)
    assert "- **data**: class folders beats fer2013.csv by 20.0 points" in text
    assert "data.limit" not in text


def test_comparisons_that_the_report_cannot_show_are_in_a_file(tmp_path):
    runs = [run(f"o{n}", DEFAULT, seed, n / 100 + seed / 1000) for n in range(9) for seed in range(3)]
    text = "\n".join(conclude(runs, tmp_path).parts)
    assert "The 30 comparisons with the smallest p values" in text
    assert len(pd.read_csv(tmp_path / "pairs.csv")) == 36
