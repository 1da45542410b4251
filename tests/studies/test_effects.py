import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fer.studies import effects
from fer.studies.sentences import comparison, correlation

FIGURE = "val/accuracy"


@pytest.fixture
def runs() -> pd.DataFrame:
    """adam is two points better than sgd, schedules do nothing, seeds differ by a point."""
    random = np.random.default_rng(0)
    seeds = random.normal(0, 0.01, 5)
    rows = [
        {"optimizer": o, "scheduler": s, "seed": seed}
        | {FIGURE: 0.6 + 0.02 * (o == "adam") + seeds[seed] + random.normal(0, 0.002)}
        for o, s, seed in itertools.product(("sgd", "adam"), ("step", "cosine", "constant"), range(5))
    ]
    return pd.DataFrame(rows)


def values(runs: pd.DataFrame, **of: str) -> np.ndarray:
    mine = runs.loc[(runs[list(of)] == list(of.values())).all(axis=1)]
    return mine.sort_values([name for name in ("scheduler", "optimizer", "seed") if name not in of])[FIGURE].to_numpy()


def test_pairs_are_the_paired_t_test_of_scipy(runs):
    (found,) = effects.paired(runs, "optimizer", ["scheduler"], FIGURE)
    theirs = stats.ttest_rel(values(runs, optimizer="sgd"), values(runs, optimizer="adam"))
    assert (found.a, found.b, found.pairs) == ("sgd", "adam", 15)
    assert found.p == pytest.approx(theirs.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_means_of_levels_are_pandas(runs):
    table = effects.marginal(runs, "scheduler", ["optimizer"], FIGURE).set_index("level")
    assert table["mean"].to_dict() == pytest.approx(runs.groupby("scheduler")[FIGURE].mean().to_dict())
    assert set(table["runs"]) == {10}


def test_intervals_of_two_means_are_those_of_their_difference(runs):
    """Two intervals that are narrower by the root of 2 than that of the difference touch where it touches 0."""
    halves = effects.marginal(runs, "optimizer", ["scheduler"], FIGURE)["half"]
    low, high = stats.ttest_rel(values(runs, optimizer="sgd"), values(runs, optimizer="adam")).confidence_interval(0.95)
    assert halves.tolist() == pytest.approx(2 * [(high - low) / 2 / 2**0.5])


def test_a_mean_without_repetition_has_no_interval(runs):
    assert effects.marginal(runs[runs["seed"] == 0], "scheduler", [], FIGURE)["half"].isna().all()


def test_corrected_intervals_exclude_zero_where_corrected_p_values_are_significant(runs):
    random = np.random.default_rng(3)
    for effect in (0.0, 0.001, 0.002, 0.004):
        runs[FIGURE] = 0.6 + effect * (runs["scheduler"] == "step") + random.normal(0, 0.003, len(runs))
        for one in effects.differences(runs, ["optimizer", "scheduler"], FIGURE):
            assert (one.p_holm < 0.05) == (one.low > 0 or one.high < 0)


def test_the_smallest_p_value_gets_the_interval_of_bonferroni(runs):
    differences = effects.differences(runs, ["optimizer", "scheduler"], FIGURE)
    least = min(differences, key=lambda one: one.p)
    sd_of_mean = least.sd / least.pairs**0.5
    expected = stats.t.interval(1 - 0.05 / len(differences), least.pairs - 1, loc=least.mean, scale=sd_of_mean)
    assert (least.low, least.high) == pytest.approx(expected)


def test_a_planted_effect_is_told_and_none_invented(runs):
    found = effects.differences(runs, ["optimizer", "scheduler"], FIGURE)
    text = {
        factor: comparison([one for one in found if one.factor == factor], 30) for factor in ("optimizer", "scheduler")
    }
    assert text["optimizer"].startswith("adam beats sgd by 2.")
    assert text["scheduler"].startswith("no significant difference in 30 runs")


def test_p_values_are_corrected_for_all_comparisons_of_the_study(runs):
    found = effects.differences(runs, ["optimizer", "scheduler"], FIGURE)
    assert len(found) == 1 + 3
    least = min(found, key=lambda one: one.p)
    assert least.p_holm == pytest.approx(4 * least.p)
    assert all(one.p_holm >= one.p for one in found)


def test_at_each_level_of_another_factor_only_the_runs_there_count(runs):
    runs.loc[(runs["scheduler"] == "step") & (runs["optimizer"] == "adam"), FIGURE] -= 0.1
    found = effects.differences_at(runs, ["optimizer", "scheduler"], FIGURE, "scheduler", "optimizer")
    assert [(one.given, one.at, one.pairs) for one in found] == [
        ("optimizer", level, 5) for level in ("sgd", "adam") for _ in range(3)
    ]
    assert [round(one.mean, 1) for one in found] == [0, 0, 0, -0.1, -0.1, 0]
    least = min(found, key=lambda one: one.p)
    assert least.p_holm == pytest.approx(3 * least.p)  # for the three of its level, not for all six


def test_runs_without_a_partner_do_not_count(runs):
    fewer = runs[~((runs["optimizer"] == "adam") & (runs["seed"] == 0))]
    (found,) = effects.paired(fewer, "optimizer", ["scheduler"], FIGURE)
    assert found.pairs == 12


def test_factors_that_never_differ_alone_conclude_nothing():
    together = pd.DataFrame({"a": ["x", "y"], "b": ["x", "y"], "seed": [0, 0], FIGURE: [0.1, 0.2]})
    assert effects.differences(together, ["a", "b"], FIGURE) == []
    assert "no conclusion" in comparison([], 2)


def test_levels_that_give_the_same_are_told_apart_from_those_that_differ_little():
    values = {"x": (0.5, 0.6, 0.7), "y": (0.5, 0.6, 0.7), "z": (0.7, 0.81, 0.9)}
    rows = [{"a": a, "seed": seed, FIGURE: value} for a in "xyz" for seed, value in enumerate(values[a])]
    found = effects.differences(pd.DataFrame(rows), ["a"], FIGURE)
    assert comparison(found, 9).startswith("x and y gave the same figure in all 3 pairs of runs; z beats")


def test_one_pair_shows_nothing():
    two = pd.DataFrame({"a": ["x", "y"], "seed": [0, 0], FIGURE: [0.1, 0.9]})
    found = effects.differences(two, ["a"], FIGURE)
    assert found[0].p_holm == 1
    assert comparison(found, 2).endswith("the largest is y over x by 80.0 points (one pair of runs)")


def test_a_range_is_told_by_its_rank_correlation():
    random = np.random.default_rng(0)
    drawn = random.uniform(0.001, 0.1, 20)
    runs = pd.DataFrame({"optimizer.lr": drawn.astype(str), "seed": 0, FIGURE: -drawn})
    assert effects.differences(runs, ["optimizer.lr"], FIGURE) == []
    assert "smaller values are better (rank correlation -1.00" in correlation(runs, "optimizer.lr", FIGURE)


def test_each_level_is_compared_at_its_own_best_of_another():
    random = np.random.default_rng(0)
    means = {("sgd", "0.01"): 0.5, ("sgd", "0.1"): 0.6, ("adam", "0.01"): 0.61, ("adam", "0.1"): 0.3}
    runs = pd.DataFrame(
        {"optimizer": o, "optimizer.lr": lr, "seed": seed, FIGURE: mean + random.normal(0, 0.002)}
        for (o, lr), mean in means.items()
        for seed in range(5)
    )
    assert effects.best_levels(runs, "optimizer", "optimizer.lr", FIGURE) == {"sgd": "0.1", "adam": "0.01"}
    (found,) = effects.differences_at_best(runs, ["optimizer", "optimizer.lr"], FIGURE, "optimizer", "optimizer.lr")
    assert (found.a, found.b, found.pairs, found.given, found.at) == (
        "sgd",
        "adam",
        5,
        "optimizer.lr",
        effects.OWN_BEST,
    )
    assert found.mean == pytest.approx(-0.01, abs=0.004)
