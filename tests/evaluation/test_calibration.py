import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from fer.evaluation import calibration


@pytest.fixture
def drawn():
    """Probabilities of 2,000 images, and labels that follow them."""
    random = np.random.default_rng(0)
    probabilities = calibration.softmax(2 * random.normal(size=(2000, 4)))
    labels = (probabilities.cumsum(1) < random.random((2000, 1))).sum(1)
    return probabilities, labels


def confident(probabilities, labels):
    return probabilities.max(1), probabilities.argmax(1) == labels


def test_ece_is_that_of_torchmetrics(drawn):
    probabilities, labels = drawn
    theirs = multiclass_calibration_error(torch.tensor(probabilities), torch.tensor(labels), 4, n_bins=15, norm="l1")
    ours = calibration.ece(calibration.reliability(*confident(probabilities, labels)))
    assert ours == pytest.approx(theirs.item(), abs=1e-6)


def test_bins_are_a_plain_loop(drawn):
    confidence, hits = confident(*drawn)
    table = calibration.reliability(confidence, hits, bins=10)
    for row in table.itertuples():
        inside = (confidence > row.low) & (confidence <= row.high)
        assert row.images == inside.sum()
        if inside.any():
            assert row.confidence == pytest.approx(confidence[inside].mean())
            assert row.accuracy == pytest.approx(hits[inside].mean())
    assert table["images"].sum() == 2000


@pytest.mark.filterwarnings("error")
def test_the_ends_belong_to_the_first_and_last_bin():
    table = calibration.reliability(np.array([0.0, 1.0]), np.array([False, True]))
    assert table["images"].tolist() == [1, *[0] * 13, 1]
    assert calibration.ece(table) == 0


def test_nll_is_scikit_learns(drawn):
    assert calibration.nll(*drawn) == pytest.approx(log_loss(drawn[1], drawn[0], labels=range(4)))


@pytest.mark.parametrize("true", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_put_in_is_found(drawn, true):
    probabilities, labels = drawn
    assert calibration.temperature(calibration.cooled(probabilities, 1 / true), labels) == pytest.approx(true, rel=0.08)


def test_the_temperature_is_that_of_a_search_through_all(drawn):
    probabilities, labels = drawn
    tried = np.linspace(0.5, 2, 301)
    losses = [log_loss(labels, calibration.cooled(probabilities**1.7, t), labels=range(4)) for t in tried]
    assert calibration.temperature(probabilities**1.7, labels) == pytest.approx(tried[np.argmin(losses)], abs=0.01)


def test_a_temperature_changes_no_prediction(drawn):
    scaled = calibration.cooled(drawn[0], 3.0)
    assert np.array_equal(scaled.argmax(1), drawn[0].argmax(1))
    assert scaled.sum(1) == pytest.approx(1)
    assert scaled.max(1).mean() < drawn[0].max(1).mean()


def test_no_image_is_scaled_by_its_own_fit(drawn):
    """A changed label of one image leaves the half that it belongs to as it was."""
    probabilities, labels = drawn
    before, _ = calibration.cross_fitted(probabilities, labels)
    labels = labels.copy()
    labels[0] = (labels[0] + 1) % 4
    after, found = calibration.cross_fitted(probabilities, labels)
    same = (before == after).all(1)
    assert same[0]
    assert same.sum() == 1000
    assert len(found) == 2


def test_two_images_are_enough_to_go_on():
    scaled, found = calibration.cross_fitted(np.array([[0.9, 0.1], [1.0, 0.0]]), np.array([0, 0]))
    assert np.isfinite(scaled).all()
    assert len(found) == 2


def test_coverage_is_a_plain_loop_over_the_surest(drawn):
    confidence, hits = confident(*drawn)
    order = np.argsort(-confidence)
    table = calibration.coverage(confidence, hits)
    assert len(table) == 2000
    for kept in (1, 2, 500, 2000):
        assert table["accuracy"][kept - 1] == pytest.approx(hits[order[:kept]].mean())
        assert table["coverage"][kept - 1] == kept / 2000


def test_equally_sure_images_leave_in_no_order():
    table = calibration.coverage(np.array([0.9, 0.5, 0.5]), np.array([True, True, False]))
    assert table["accuracy"].tolist() == pytest.approx([1, 1.5 / 2, 2 / 3])
