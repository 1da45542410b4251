"""Calibration: reliability, temperature scaling, accuracy against coverage."""

import numpy as np
import pandas as pd

BINS = 15
SMALLEST = 1e-6
"""What a probability of 0 counts as where a file has rounded all to five decimals: no logarithm of 0 is wanted."""
RANGE = (0.05, 20.0)
FEWEST = 100
"""Images from which on a temperature that is kept is worth fitting."""
SEED = 0


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """(N, C) -> the same as logits, up to one number an image."""
    return np.log(np.maximum(probabilities, floor(probabilities)))


def floor(probabilities: np.ndarray) -> float:
    """What a probability of 0 counts as: SMALLEST, or the smallest one that is not 0 where that is smaller."""
    return float(min(SMALLEST, probabilities.min(initial=SMALLEST, where=probabilities > 0)))


def bounded(probabilities: np.ndarray, labels: np.ndarray) -> bool:
    """Whether a true class has the probability 0, as in a file of five decimals: a temperature is then too small."""
    return bool((probabilities[np.arange(len(labels)), labels] == 0).any())


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def nll(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean negative log-likelihood of (N,) labels, in nats."""
    return float(-log_probabilities(probabilities)[np.arange(len(labels)), labels].mean())


def reliability(confidence: np.ndarray, hits: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """low, high, images, confidence, accuracy of equally wide bins (low, high] of the (N,) largest probabilities.

    hits: (N,) bool, which images are right. Confidence is its mean in the bin; it and accuracy are NaN where no image
    falls.
    """
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    images = np.bincount(bin_of, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(bin_of, weights=values, minlength=bins) / images for values in (confidence, hits)]
    return pd.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "images": images, "confidence": means[0], "accuracy": means[1]}
    )


def ece(table: pd.DataFrame) -> float:
    """Expected calibration error (Guo et al. 2017, arXiv:1706.04599) of a `reliability` table, in [0, 1]."""
    gaps = (table["accuracy"] - table["confidence"]).abs()
    return float((gaps * table["images"]).sum() / table["images"].sum())


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The number to divide (N, C) logits by for the smallest NLL of (N,) labels (Guo et al. 2017); within RANGE.

    Logarithms of probabilities serve as well: they differ from the logits by one number an image.
    """
    from scipy.optimize import minimize_scalar  # takes seconds to import

    logits, rows = np.asarray(logits, dtype=np.float64), np.arange(len(labels))
    logits = logits - logits.max(1, keepdims=True)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((np.log(np.exp(scaled).sum(1)) - scaled[rows, labels]).mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(RANGE), method="bounded").x))


def fitted(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """`temperature`, to keep beside a network; None where fewer than FEWEST images would decide it."""
    return round(temperature(logits, labels), 4) if len(labels) >= FEWEST else None


def cooled(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """(N, C) probabilities of the logits divided by `temperature`; above 1 makes them less sure."""
    return softmax(log_probabilities(probabilities) / temperature)


def cross_fitted(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Each random half with the temperature of the other one, so that no image helped to fit its own; and the two."""
    half = np.random.default_rng(SEED).permutation(len(labels)) % 2 == 0
    logits, scaled, found = log_probabilities(probabilities), np.empty_like(probabilities), []
    for mine in (half, ~half):
        found.append(temperature(logits[~mine], labels[~mine]) if not mine.all() else 1.0)
        scaled[mine] = cooled(probabilities[mine], found[-1])
    return scaled, found


def coverage(confidence: np.ndarray, hits: np.ndarray) -> pd.DataFrame:
    """coverage, accuracy of the images that stay when the least confident are left out: a row for each number kept.

    Equally confident ones leave in random order, so that accuracy is its mean over these orders.
    """
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    right = np.bincount(group, weights=hits)
    kept = np.arange(1, len(hits) + 1)
    hits_kept = np.interp(kept, np.append(0, size.cumsum()), np.append(0, right.cumsum()))
    return pd.DataFrame({"coverage": kept / len(hits), "accuracy": hits_kept / kept})
