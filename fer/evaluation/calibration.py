"""Calibration: reliability, temperature scaling, accuracy against coverage."""

import numpy as np
import pandas as pd

BINS = 15
MIN_PROBABILITY = 1e-6
"""Probabilities are clipped here: some files keep five decimals, and log(0) must be avoided."""
TEMPERATURES = (0.05, 20.0)
"""The range in which a temperature is fitted."""
MIN_IMAGES = 100
"""Images that are needed to fit a temperature that is stored."""
SEED = 0


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Returns (N, C) logarithms, which equal the logits up to a constant per image."""
    return np.log(np.maximum(probabilities, clip_bound(probabilities)))


def clip_bound(probabilities: np.ndarray) -> float:
    """Returns the lower clipping bound: MIN_PROBABILITY, or the smallest positive probability if that is smaller."""
    return float(min(MIN_PROBABILITY, probabilities.min(initial=MIN_PROBABILITY, where=probabilities > 0)))


def has_zeros(probabilities: np.ndarray, labels: np.ndarray) -> bool:
    """Returns whether a true class has probability 0, as after rounding; this biases temperatures down."""
    return bool((probabilities[np.arange(len(labels)), labels] == 0).any())


def softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the probabilities of (…, C) logits."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def nll(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Returns the mean negative log-likelihood of (N,) labels, in nats."""
    return float(-log_probabilities(probabilities)[np.arange(len(labels)), labels].mean())


def reliability(confidence: np.ndarray, hits: np.ndarray, bins: int = BINS) -> pd.DataFrame:
    """Returns low, high, images, confidence, accuracy of equally wide bins (low, high] of (N,) confidences in [0, 1].

    hits: (N,) bool, which predictions are correct. The columns confidence and accuracy hold means; NaN for empty bins.
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
    """Returns the expected calibration error (arXiv:1706.04599) in [0, 1], from a `reliability` table."""
    images, accuracy, confidence = (table[name].to_numpy(float) for name in ("images", "accuracy", "confidence"))
    return float(np.nansum(np.abs(accuracy - confidence) * images) / images.sum())


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Returns the divisor of (N, C) logits that minimises the NLL of (N,) labels (Guo et al. 2017).

    It lies within TEMPERATURES. Log probabilities may be passed instead of logits: they differ by a constant per image.
    """
    from scipy.optimize import fminbound  # takes seconds to import

    logits, rows = np.asarray(logits, dtype=np.float64), np.arange(len(labels))
    logits = logits - logits.max(1, keepdims=True)

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float((np.log(np.exp(scaled).sum(1)) - scaled[rows, labels]).mean())

    return float(np.exp(fminbound(loss, *np.log(TEMPERATURES))))


def stored_temperature(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """Returns `temperature`, rounded, to be stored with a network; None for fewer than MIN_IMAGES images."""
    return round(temperature(logits, labels), 4) if len(labels) >= MIN_IMAGES else None


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Returns (N, C) probabilities of the logits divided by `temperature`; above 1 lowers the confidence."""
    return softmax(log_probabilities(probabilities) / temperature)


def cross_fit(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, list[float]]:
    """Scales each random half with the temperature fitted on the other; returns probabilities and both temperatures."""
    half = np.random.default_rng(SEED).permutation(len(labels)) % 2 == 0
    logits, scaled, temperatures = log_probabilities(probabilities), np.empty_like(probabilities), []
    for part in (half, ~half):
        value = 1.0 if part.all() else temperature(logits[~part], labels[~part])
        scaled[part] = apply_temperature(probabilities[part], value)
        temperatures.append(value)
    return scaled, temperatures


def coverage(confidence: np.ndarray, hits: np.ndarray) -> pd.DataFrame:
    """Returns coverage and accuracy of the k most confident images, a row for each k from 1 to N.

    confidence: (N,), in [0, 1]. hits: (N,) bool, which predictions are correct. Accuracy is the mean over all orders of
    equally confident images.
    """
    _, group, size = np.unique(-confidence, return_inverse=True, return_counts=True)
    right = np.bincount(group, weights=hits)
    counts = np.arange(1, len(hits) + 1)
    expected_hits = np.interp(counts, np.append(0, size.cumsum()), np.append(0, right.cumsum()))
    return pd.DataFrame({"coverage": counts / len(hits), "accuracy": expected_hits / counts})
