"""Confident learning on labels and out-of-sample probabilities."""

import numpy as np

from fer.data.label_noise import suspicious


def test_flipped_labels_are_found_and_ranked_by_margin():
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 400)
    probabilities = np.full((400, 4), 0.05)
    sure = random.uniform(0.6, 0.85, 400)
    probabilities[np.arange(400), truth] = sure
    probabilities /= probabilities.sum(1, keepdims=True)
    labels = truth.copy()
    flipped = random.permutation(400)[:20]
    labels[flipped] = (labels[flipped] + 1) % 4
    rows, likely, margin = suspicious(labels, probabilities)
    assert set(rows) <= set(flipped)
    assert len(rows) >= 15
    assert np.array_equal(likely, truth[rows])
    assert (np.diff(margin) >= 0).all()
    assert (margin < 0).all()


def test_the_threshold_of_a_class_is_its_own_mean_confidence():
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.8, 0.2], [0.55, 0.45], [0.6, 0.4], [0.3, 0.7]])
    rows, *_ = suspicious(labels, probabilities)
    assert len(rows) == 0  # p_0 of row 2 is 0.6, below the mean 0.675 of class 0
    probabilities[2] = 0.7, 0.3
    rows, likely, margin = suspicious(labels, probabilities)
    assert (rows.tolist(), likely.tolist()) == ([2], [0])
    assert margin[0] == np.float64(0.3) - 0.7


def test_a_class_without_images_is_nobody_s_likely_class():
    labels, probabilities = np.array([0, 1]), np.array([[0.1, 0.1, 0.8], [0.1, 0.1, 0.8]])
    rows, likely, _ = suspicious(labels, probabilities)
    assert 2 not in likely
    assert len(rows) <= 2
