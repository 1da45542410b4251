import numpy as np
import pytest
from scipy.stats import binomtest

from fer.evaluation import comparison
from fer.evaluation.predictions import from_logits
from fer.report import Report

CLASSES = ("angry", "happy", "sad")


@pytest.fixture(scope="module")
def several():
    """A good classifier, nearly the same one, and a bad one, on the same 400 images."""
    random = np.random.default_rng(0)
    labels, ids = random.integers(0, 3, 400), np.arange(400)
    good = 2 * np.eye(3)[labels] + random.normal(size=(400, 3))
    alike, bad = good + 0.1 * random.normal(size=good.shape), random.normal(size=good.shape)
    return {
        name: from_logits(ids, labels, logits, CLASSES) for name, logits in zip("xyz", (good, alike, bad), strict=True)
    }


@pytest.fixture(scope="module")
def compared(several):
    report = Report("three")
    return comparison.add_comparison(report, several), "\n".join(report.blocks), report


def test_every_pair_is_tested_as_scipy_does(several, compared):
    pairs = {tuple(row["pair"]): row for row in compared[0]["pairs"]}
    assert set(pairs) == {("x", "y"), ("x", "z"), ("y", "z")}
    for (a, b), row in pairs.items():
        first, second = several[a].hits, several[b].hits
        only_a, only_b = int((first & ~second).sum()), int((second & ~first).sum())
        assert (row["only_first"], row["only_second"]) == (only_a, only_b)
        assert row["p"] == pytest.approx(binomtest(only_a, only_a + only_b).pvalue)
        assert row["p_holm"] >= row["p"]
        assert row["difference"]["value"] == pytest.approx(first.mean() - second.mean())
        assert row["difference"]["low"] <= row["difference"]["value"] <= row["difference"]["high"]


def test_the_verdict_names_the_better_ones(compared):
    assert "Significantly more accurate at the 5 % level: A over C and B over C." in compared[1]


def test_agreement_is_the_share_of_same_predictions(several, compared):
    matrix = np.array(compared[0]["agreement"]["matrix"])
    assert matrix[0, 2] == (several["x"].predicted == several["z"].predicted).mean()
    assert np.array_equal(matrix, matrix.T)
    assert (np.diag(matrix) == 1).all()
    some = several["x"].hits | several["y"].hits | several["z"].hits
    assert compared[0]["agreement"]["none_right"] == pytest.approx(1 - some.mean())


def test_ensembles_stand_beside_their_members(several, compared):
    assert list(compared[0]["models"]) == ["x", "y", "z", "ensemble, mean probabilities", "ensemble, mean logits"]
    mean = np.mean([one.probabilities for one in several.values()], 0)
    expected = (mean.argmax(1) == several["x"].labels).mean()
    assert compared[0]["models"]["ensemble, mean probabilities"]["accuracy"]["value"] == pytest.approx(expected)
    assert compared[0]["ensemble"]["best"] in several


def test_the_report_can_be_written(compared, tmp_path):
    assert {"report.html", "accuracy.png", "coverage.png", "agreement.png"} <= set(compared[2].write(tmp_path))


def test_letters_do_not_run_out():
    letters = comparison.letters_for(60)
    assert letters[:2] == ["A", "B"]
    assert len(set(letters)) == 60


def test_two_of_a_kind_do_not_differ(several):
    same = comparison.compare(several["x"], several["x"])
    assert same["p"] == 1
    assert same["difference"] == {"value": 0, "low": 0, "high": 0}


def test_figures_name_classifiers_after_their_letters():
    letters = {"standard": "A", "a_long_study/a-long-option-of-a-run/seed-0": "B"}
    labels = [comparison.label(name, letters) for name in (*letters, "ensemble, mean logits")]
    assert labels[0] == "A: standard"
    assert labels[1].startswith("B: …")
    assert labels[1].endswith("a-long-option-of-a-run/seed-0")
    assert len(labels[1]) == 3 + comparison.LABEL_LENGTH
    assert labels[2] == "ensemble, mean logits"
