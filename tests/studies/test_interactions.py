import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fer.studies import interactions

FIGURE = "val/accuracy"
CELLS = list(itertools.product(("0", "0.9"), ("small", "large"), range(5)))


def runs(effect) -> pd.DataFrame:
    """effect(momentum, lr) and the noise of five seeds, which differ by a point among themselves."""
    random = np.random.default_rng(0)
    seeds = random.normal(0, 0.01, 5)
    rows = [
        {"momentum": m, "lr": lr, "seed": seed, FIGURE: 0.5 + effect(m, lr) + seeds[seed] + random.normal(0, 0.002)}
        for m, lr, seed in CELLS
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def crossed() -> pd.DataFrame:
    return runs(lambda momentum, lr: 0.1 * (momentum == "0.9" and lr == "large"))


@pytest.fixture
def added() -> pd.DataFrame:
    return runs(lambda momentum, lr: 0.1 * (momentum == "0.9") + 0.05 * (lr == "large"))


def test_the_f_test_is_that_of_a_two_way_analysis_of_variance_with_seeds_as_blocks(crossed, added):
    for table in (crossed, added):
        cells = table.pivot_table(index="seed", columns=["momentum", "lr"], values=FIGURE).to_numpy()
        rest = cells - cells.mean(0) - cells.mean(1, keepdims=True) + cells.mean()
        gained = 5 * (cells.mean(0) @ [1, -1, -1, 1]) ** 2 / 4
        expected = stats.f.sf(gained / ((rest**2).sum() / 12), 1, 12)
        assert interactions.interaction(table, "momentum", "lr", [], FIGURE) == pytest.approx(expected)


def test_factors_that_add_up_have_no_partners(added):
    assert interactions.partners(added, ["momentum", "lr"], FIGURE) == {}


def test_factors_that_need_each_other_are_partners(crossed):
    found = interactions.partners(crossed, ["momentum", "lr"], FIGURE)
    assert {factor: partner.name for factor, partner in found.items()} == {"momentum": "lr", "lr": "momentum"}


def test_the_strongest_partner_counts(crossed):
    twice = pd.concat(crossed.assign(data=data) for data in "ab")
    twice.loc[(twice["data"] == "b") & (twice["lr"] == "large"), FIGURE] += 0.01
    found = interactions.partners(twice, ["momentum", "lr", "data"], FIGURE)
    assert (found["lr"].name, found["data"].name) == ("momentum", "lr")


def test_runs_that_cannot_tell_have_no_partners(crossed):
    assert interactions.partners(crossed[crossed["seed"] == 0], ["momentum", "lr"], FIGURE) == {}
    never_crossed = crossed[(crossed["momentum"] == "0") | (crossed["lr"] == "small")]
    assert interactions.partners(never_crossed, ["momentum", "lr"], FIGURE) == {}
    assert interactions.partners(crossed.assign(**{FIGURE: 0.5}), ["momentum", "lr"], FIGURE) == {}


def test_a_search_has_no_partners(crossed):
    drawn = crossed.assign(dropout=np.linspace(0, 0.5, len(crossed)).astype(str))
    assert interactions.partners(drawn, ["momentum", "lr", "dropout"], FIGURE) == {}
