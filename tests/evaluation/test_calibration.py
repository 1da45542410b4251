import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torchmetrics.functional.classification import multiclass_calibration_error

from fer.evaluation import calibration, predictions


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
    expected = multiclass_calibration_error(torch.tensor(probabilities), torch.tensor(labels), 4, n_bins=15, norm="l1")
    actual = calibration.ece(calibration.reliability(*confident(probabilities, labels)))
    assert actual == pytest.approx(expected.item(), abs=1e-6)


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


@pytest.fixture(scope="module")
def many():
    """Logits of 20,000 images of 7 classes in float32, and labels drawn with their probabilities."""
    random = np.random.default_rng(1)
    logits = (2 * random.normal(size=(20_000, 7))).astype(np.float32)
    labels = (calibration.softmax(logits).cumsum(1) < random.random((len(logits), 1))).sum(1).clip(max=6)
    return logits, labels


@pytest.mark.parametrize("true", [0.2, 0.5, 1.0, 2.0, 5.0, 8.0, 10.0])
def test_the_temperature_that_was_put_in_is_found(many, true):
    logits, labels = many
    assert calibration.stored_temperature(logits * np.float32(true), labels) == pytest.approx(true, rel=0.02)


@pytest.mark.parametrize("true", [0.2, 1.0, 8.0])
def test_a_table_of_predictions_tells_the_same_temperature(many, true, tmp_path):
    """As written at training's end and read again, whatever the size of the probabilities."""
    logits, labels = many[0][:2000] * np.float32(true), many[1][:2000]
    table = predictions.from_logits(np.arange(2000), labels, logits, "abcdefg").table("val")
    table.to_csv(tmp_path / "predictions.csv", index=False, float_format=predictions.DIGITS)
    part = predictions.read(tmp_path / "predictions.csv")["val"]
    result = calibration.temperature(calibration.log_probabilities(part.probabilities), part.labels)
    assert result == pytest.approx(calibration.temperature(logits, labels), rel=1e-3)
    assert not calibration.has_zeros(part.probabilities, part.labels)


def test_a_rounded_table_of_a_sure_network_is_known_for_what_it_is(many):
    logits, labels = many
    rounded = calibration.softmax(logits * 8.0).round(5)
    assert calibration.has_zeros(rounded, labels)
    assert calibration.temperature(calibration.log_probabilities(rounded), labels) < 7


def test_the_temperature_is_that_of_a_search_through_all(drawn):
    probabilities, labels = drawn
    tried = np.linspace(0.5, 2, 301)
    losses = [log_loss(labels, calibration.apply_temperature(probabilities**1.7, t), labels=range(4)) for t in tried]
    result = calibration.temperature(1.7 * np.log(probabilities), labels)
    assert result == pytest.approx(tried[np.argmin(losses)], abs=0.01)


def test_a_temperature_changes_no_prediction(drawn):
    scaled = calibration.apply_temperature(drawn[0], 3.0)
    assert np.array_equal(scaled.argmax(1), drawn[0].argmax(1))
    assert scaled.sum(1) == pytest.approx(1)
    assert scaled.max(1).mean() < drawn[0].max(1).mean()


def test_no_image_is_scaled_by_its_own_fit(drawn):
    """A changed label of one image leaves the half that it belongs to as it was."""
    probabilities, labels = drawn
    before, _ = calibration.cross_fit(probabilities, labels)
    labels = labels.copy()
    labels[0] = (labels[0] + 1) % 4
    after, result = calibration.cross_fit(probabilities, labels)
    same = (before == after).all(1)
    assert same[0]
    assert same.sum() == 1000
    assert len(result) == 2


def test_two_images_are_enough_to_go_on():
    scaled, result = calibration.cross_fit(np.array([[0.9, 0.1], [1.0, 0.0]]), np.array([0, 0]))
    assert np.isfinite(scaled).all()
    assert len(result) == 2


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
