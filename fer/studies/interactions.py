"""Tests the interaction of two factors in a linear model."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import f as f_distribution

from fer.evaluation.intervals import holm
from fer.studies.effects import ALPHA
from fer.studies.factors import Factors, is_range


class Partner(NamedTuple):
    """The factor that another one's effect depends on most, and the corrected p of their interaction."""

    name: str
    p: float


def partners(runs: pd.DataFrame, factors: Factors, figure: str) -> dict[str, Partner]:
    """Returns factor -> the factor that its effect depends on significantly; p corrected for all pairs (Holm 1979).

    Empty for a search: no two runs have the same level of a factor that is drawn from a range.
    """
    if any(is_range(runs[factor]) for factor in factors):
        return {}
    pairs = list(combinations(factors, 2))
    raw = [interaction(runs, *pair, [other for other in factors if other not in pair], figure) for pair in pairs]
    result: dict[str, Partner] = {}
    for (a, b), p in sorted(zip(pairs, holm(raw), strict=True), key=lambda item: item[1]):
        if p < ALPHA:
            result.setdefault(a, Partner(b, p))
            result.setdefault(b, Partner(a, p))
    return result


def interaction(runs: pd.DataFrame, a: str, b: str, others: Factors, figure: str) -> float:
    """Returns p of the F test that the effects of `a` and `b` are additive.

    The model has blocks of runs with the same seed and levels of `others`, on which `a` and `b` may depend. 1 where the
    runs allow no test: `a` and `b` are not crossed, or nothing is repeated.
    """

    values = runs[figure].to_numpy(float)
    terms = [[*others, "seed"], [a], [b], *([factor, other] for factor in (a, b) for other in others)]
    rank_sum, error_sum = residual([labels(runs, term) for term in terms], values)
    rank_cells, error_cells = residual([labels(runs, term) for term in [*terms, [a, b]]], values)
    more, left = rank_cells - rank_sum, len(values) - rank_cells
    if more < 1 or left < 1:
        return 1.0
    gained = max(error_sum - error_cells, 0.0)
    if error_cells <= 1e-12 * len(values):  # the model fits exactly, up to rounding
        return float(gained <= 1e-12 * len(values))
    return float(f_distribution.sf((gained / more) / (error_cells / left), more, left))


def labels(runs: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Returns for each row the number of its combination of values."""
    return runs.groupby(columns).ngroup().to_numpy()


def residual(terms: Sequence[np.ndarray], values: np.ndarray) -> tuple[int, float]:
    """Returns rank and squared error of the least-squares fit with an indicator for each label of each term."""
    design = np.hstack([(term[:, None] == np.unique(term)).astype(float) for term in terms])
    weights, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    return int(rank), float(((values - design @ weights) ** 2).sum())
