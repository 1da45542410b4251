import numpy as np
import pytest

from fer.evaluation import curves


@pytest.fixture(params=[2, 5], ids=["many ties", "few ties"])
def scored(request):
    random = np.random.default_rng(0)
    positive = random.random(300) < 0.3
    return (0.3 * positive + random.random(300)).round(request.param), positive


def test_area_under_roc_is_the_share_of_pairs_in_right_order(scored):
    scores, positive = scored
    difference = scores[positive][:, None] - scores[~positive]
    curve = curves.roc(scores, positive)
    assert curve.area == pytest.approx((difference > 0).mean() + (difference == 0).mean() / 2)
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0, 0, 1, 1)


def test_average_precision_is_the_precision_at_each_threshold_weighted_by_recall(scored):
    scores, positive = scored
    curve = curves.precision_recall(scores, positive)
    thresholds = np.unique(scores)[::-1]
    precision = np.array([positive[scores >= threshold].mean() for threshold in thresholds])
    recall = np.array([positive[scores >= threshold].sum() for threshold in thresholds]) / positive.sum()
    assert curve.x == pytest.approx([0, *recall])
    assert curve.y == pytest.approx([1, *precision])
    assert curve.area == pytest.approx((np.diff([0, *recall]) * precision).sum())


def test_a_class_without_images_has_no_curve():
    scores = np.array([0.1, 0.2])
    assert curves.roc(scores, np.array([False, False])) is None
    assert curves.roc(scores, np.array([True, True])) is None
    assert curves.precision_recall(scores, np.array([False, False])) is None
