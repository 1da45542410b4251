from math import comb

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from fer.confusion import averages, count
from fer.evaluation import intervals


@pytest.mark.parametrize(("hits", "images"), [(0, 5), (5, 5), (1, 3), (300, 500), (2311, 3589)])
def test_wilson_is_scipys(hits, images):
    expected = stats.binomtest(hits, images).proportion_ci(0.95, method="wilson")
    assert intervals.wilson(hits, images) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("images", range(1, 500, 7))
def test_an_interval_holds_its_share_to_the_last_bit(images):
    assert intervals.wilson(images, images)[1] == 1
    assert intervals.wilson(0, images)[0] == 0


def test_no_images_say_nothing():
    assert intervals.wilson(0, 0) == (0, 1)


@pytest.fixture
def answers():
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 300)
    return true, np.where(random.random(300) < 0.6, true, random.integers(0, 4, 300))


def test_the_bootstrap_is_a_plain_loop_over_images(answers):
    true, predicted = answers
    random = np.random.default_rng(1)
    values = []
    for _ in range(300):
        rows = random.integers(0, 300, 300)
        values.append(f1_score(true[rows], predicted[rows], average="macro"))
    low, high = intervals.bootstrap(count(true, predicted, 4), averages)["macro_f1"]
    assert (low, high) == pytest.approx(np.percentile(values, (2.5, 97.5)), abs=0.015)


def test_the_bootstrap_of_a_share_is_near_wilsons(answers):
    hits = int((answers[0] == answers[1]).sum())
    actual = intervals.bootstrap(count(*answers, 4), averages)["accuracy"]
    assert actual == pytest.approx(intervals.wilson(hits, 300), abs=0.01)


def test_the_same_seed_draws_the_same(answers):
    matrix = count(*answers, 4)
    assert intervals.bootstrap(matrix, averages) == intervals.bootstrap(matrix, averages)
    assert intervals.bootstrap(matrix, averages) != intervals.bootstrap(matrix, averages, seed=1)


@pytest.mark.filterwarnings("error")
def test_a_resample_may_lack_a_class():
    low, high = intervals.bootstrap(np.array([[1, 0], [1, 3]]), averages)["balanced_accuracy"]
    assert 0 <= low < high <= 1


def test_the_paired_bootstrap_is_a_plain_loop_over_images():
    random = np.random.default_rng(0)
    a, b = random.random(300) < 0.7, random.random(300) < 0.6
    draws = [random.integers(0, 300, 300) for _ in range(4000)]
    values = [a[rows].mean() - b[rows].mean() for rows in draws]
    actual = intervals.paired_bootstrap(intervals.paired_counts(a, b))
    assert actual == pytest.approx(np.percentile(values, (2.5, 97.5)), abs=0.012)


def test_pairs_are_counted_in_their_order():
    a, b = np.array([1, 1, 1, 0, 0, 1], bool), np.array([1, 0, 0, 1, 0, 1], bool)
    assert intervals.paired_counts(a, b).tolist() == [2, 2, 1, 1]
    assert intervals.difference(intervals.paired_counts(a, b)) == pytest.approx(a.mean() - b.mean())


@pytest.mark.parametrize(("b", "c"), [(0, 0), (5, 5), (1, 9), (120, 104), (0, 3)])
def test_mcnemar_sums_the_tails_of_a_fair_coin(b, c):
    n = b + c
    tail = sum(comb(n, k) for k in range(min(b, c) + 1)) / 2**n
    assert intervals.mcnemar(b, c) == pytest.approx(min(1, 2 * tail))


@pytest.mark.parametrize(
    ("values", "adjusted"),  # of R's p.adjust(…, "holm")
    [([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]), ([0.5, 0.9], [1, 1]), ([0.02], [0.02])],
)
def test_holm_is_rs(values, adjusted):
    assert intervals.holm(values) == pytest.approx(adjusted)
