import numpy as np
import pytest
import torch
from sklearn import metrics as reference

from fer.metrics import EpochMetrics, figures

CLASSES = ("angry", "happy", "sad", "neutral")


@pytest.fixture
def answers():
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 500)
    return true, np.where(random.random(500) < 0.6, true, random.integers(0, 4, 500))


def test_figures_are_scikit_learns(answers):
    true, predicted = answers
    actual = figures(torch.from_numpy(reference.confusion_matrix(true, predicted)), CLASSES)
    assert actual["accuracy"] == pytest.approx(reference.accuracy_score(true, predicted))
    assert actual["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(true, predicted))
    assert actual["macro_f1"] == pytest.approx(reference.f1_score(true, predicted, average="macro"))
    recall = reference.recall_score(true, predicted, average=None)
    assert [actual[f"accuracy/{name}"] for name in CLASSES] == pytest.approx(list(recall))


def test_a_class_without_images_has_no_accuracy():
    actual = figures(torch.tensor([[3, 1], [0, 0]]), CLASSES[:2])
    assert actual["accuracy/angry"] == 0.75
    assert "accuracy/happy" not in actual


def batch(images: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.eye(4)[torch.zeros(images, dtype=torch.long)], torch.arange(images) % 4


def test_running_loss_weighs_batches_by_their_images():
    running = EpochMetrics(4)
    for loss, images in ((1.0, 512), (2.0, 188)):
        running.add(torch.tensor(loss), *batch(images))
    loss, confusion = running.results()
    assert loss == pytest.approx((512 + 376) / 700)
    assert confusion[:, 0].tolist() == [175] * 4
    assert running["loss"].compute() == 0


def test_soft_labels_count_for_their_largest_share():
    running = EpochMetrics(4)
    running.add(torch.tensor(1.0), torch.eye(4)[:1], torch.tensor([[0.2, 0.5, 0.3, 0.0]]))
    assert running.results()[1][1, 0] == 1


def test_metrics_go_on_from_a_saved_state():
    whole, first, second = (EpochMetrics(4) for _ in range(3))
    for metrics in (whole, first):
        metrics.add(torch.tensor(1.0), *batch(6))
    second.load(first.summed_state(), torch.device("cpu"))
    for metrics in (whole, second):
        metrics.add(torch.tensor(3.0), *batch(2))
    for expected, actual in zip(whole.results(), second.results(), strict=True):
        assert actual.equal(expected)


def test_the_confusion_matrix_counts_all_batches(answers):
    true, predicted = answers
    confusion = EpochMetrics(4)["confusion"]
    for start in range(0, 500, 128):
        batch = slice(start, start + 128)
        confusion.update(torch.from_numpy(predicted[batch]), torch.from_numpy(true[batch]))
    assert confusion.compute().tolist() == reference.confusion_matrix(true, predicted).tolist()
