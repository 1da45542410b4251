import numpy as np
import pytest
from sklearn import metrics as reference

from fer.evaluation import curves


@pytest.fixture(params=[2, 5], ids=["many ties", "few ties"])
def scored(request):
    random = np.random.default_rng(0)
    positive = random.random(300) < 0.3
    return (0.3 * positive + random.random(300)).round(request.param), positive


def test_roc_is_scikit_learns(scored):
    scores, positive = scored
    x, y, _ = reference.roc_curve(positive, scores, drop_intermediate=False)
    ours = curves.roc(scores, positive)
    assert ours.x == pytest.approx(x)
    assert ours.y == pytest.approx(y)
    assert ours.area == pytest.approx(reference.roc_auc_score(positive, scores))


def test_precision_recall_is_scikit_learns(scored):
    scores, positive = scored
    precision, recall, _ = reference.precision_recall_curve(positive, scores)
    ours = curves.precision_recall(scores, positive)
    assert ours.x == pytest.approx(recall[::-1])
    assert ours.y == pytest.approx(precision[::-1])
    assert ours.area == pytest.approx(reference.average_precision_score(positive, scores))


def test_a_class_without_images_has_no_curve():
    scores = np.array([0.1, 0.2])
    assert curves.roc(scores, np.array([False, False])) is None
    assert curves.roc(scores, np.array([True, True])) is None
    assert curves.precision_recall(scores, np.array([False, False])) is None
