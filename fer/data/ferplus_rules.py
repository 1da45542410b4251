"""The rules by which ten FER+ votes become a label or a distribution, see `fer.data.ferplus`."""

import numpy as np

from fer.data.emotions import WITH_CONTEMPT

CLASSES = WITH_CONTEMPT
UNKNOWN, NOT_A_FACE = 8, 9
COLUMNS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt", "unknown", "nf")
"""Of the votes in the csv, in the order of `CLASSES`, UNKNOWN and NOT_A_FACE."""

REASONS = ("not a face", "unknown", "without an image name", "without a majority")


def without_outliers(counts: np.ndarray) -> np.ndarray:
    """Returns votes (N, 10) without those that only one person cast, unless a row has no others."""
    left = np.where(counts == 1, 0, counts)
    return np.where(left.any(1, keepdims=True), left, counts)


def majority(counts: np.ndarray) -> np.ndarray:
    """Returns (N,): the answer with more than half of a row's votes; -1 for none."""
    return np.where(2 * counts.max(1) > counts.sum(1), counts.argmax(1), -1)


def reasons(counts: np.ndarray, named: np.ndarray, strict: np.ndarray) -> np.ndarray:
    """Returns (N,): why each row is dropped, as an index into REASONS; -1 for rows that stay.

    strict: (N,) bool, the rows that need a majority.
    """
    most, winner = counts.max(1), majority(counts)
    leads = np.where(strict[:, None], winner[:, None] == np.arange(counts.shape[1]), counts == most[:, None])
    tests = [most == 0, leads[:, NOT_A_FACE], leads[:, UNKNOWN], ~named, strict & (winner < 0)]
    return np.select(tests, [3, 0, 1, 2, 3], -1)


def distributions(counts: np.ndarray) -> np.ndarray:
    """Returns (N, 8) float32: the votes for emotions, each row scaled to sum 1; zeros where there are none."""
    emotions = counts[:, : len(CLASSES)]
    return (emotions / np.maximum(emotions.sum(1, keepdims=True), 1)).astype(np.float32)
