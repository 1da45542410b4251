import numpy as np
import pytest
from sklearn import metrics as reference

from fer import confusion

CLASSES = ("angry", "happy", "sad", "neutral")


@pytest.fixture
def answers():
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 400)
    return true, np.where(random.random(400) < 0.6, true, random.integers(0, 4, 400))


def test_counts_are_scikit_learns(answers):
    assert np.array_equal(confusion.count(*answers, 4), reference.confusion_matrix(*answers))


def test_every_class_is_scikit_learns(answers):
    ours = confusion.per_class(confusion.count(*answers, 4))
    theirs = reference.precision_recall_fscore_support(*answers)
    for name, values in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        assert ours[name] == pytest.approx(values)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("true", "predicted"), [([0, 0, 1, 1, 3], [0, 2, 1, 1, 3]), ([0, 0, 1, 3], [0, 3, 1, 1])])
def test_a_class_without_images_counts_as_in_scikit_learn(true, predicted):
    """One that is there in predictions alone, and one that is nowhere."""
    ours = confusion.averages(confusion.count(np.array(true), np.array(predicted), 4))
    assert ours["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(true, predicted))
    assert ours["macro_f1"] == pytest.approx(reference.f1_score(true, predicted, average="macro"))


def test_many_matrices_are_many_single_ones():
    stack = np.random.default_rng(0).integers(0, 9, (5, 3, 3))
    together = confusion.averages(stack)
    for index, matrix in enumerate(stack):
        assert {name: values[index] for name, values in together.items()} == confusion.averages(matrix)


def test_mistakes_come_with_the_most_frequent_first():
    table = confusion.mistakes(np.array([[5, 1, 0], [3, 7, 0], [0, 2, 0]]), CLASSES[:3])
    assert table["true"].tolist() == ["happy", "sad", "angry"]
    assert table["predicted"].tolist() == ["angry", "happy", "happy"]
    assert table["images"].tolist() == [3, 2, 1]
    assert table["share"].tolist() == pytest.approx([0.3, 1, 1 / 6])
