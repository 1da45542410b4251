"""Tests the interaction of two factors in a linear model."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from fer.evaluation.intervals import holm
from fer.studies.effects import SURE
from fer.studies.factors import Factors, is_range


class Partner(NamedTuple):
    """The factor that another depends on most, and the corrected p of their interaction."""

    name: str
    p: float


def partners(runs: pd.DataFrame, factors: Factors, figure: str) -> dict[str, Partner]:
    """factor -> what it surely depends on; p corrected for all pairs of factors (Holm 1979).

    Nothing for a search: where a factor is drawn from a range, no two runs are alike in it.
    """
    if any(is_range(runs[factor]) for factor in factors):
        return {}
    pairs = list(combinations(factors, 2))
    raw = [interaction(runs, *pair, [other for other in factors if other not in pair], figure) for pair in pairs]
    found: dict[str, Partner] = {}
    for (a, b), p in sorted(zip(pairs, holm(raw), strict=True), key=lambda one: one[1]):
        if p < SURE:
            found.setdefault(a, Partner(b, p))
            found.setdefault(b, Partner(a, p))
    return found


def interaction(runs: pd.DataFrame, a: str, b: str, others: Factors, figure: str) -> float:
    """p of the F test that `a` and `b` add up, in blocks of runs with the same seed and levels of `others`.

    Each may depend on the others. 1 where the runs cannot tell: not crossed, or without repetition.
    """
    from scipy.stats import f

    values = runs[figure].to_numpy(float)
    terms = [[*others, "seed"], [a], [b], *([one, other] for one in (a, b) for other in others)]
    rank_sum, error_sum = residual([labels(runs, term) for term in terms], values)
    rank_cells, error_cells = residual([labels(runs, term) for term in [*terms, [a, b]]], values)
    more, left = rank_cells - rank_sum, len(values) - rank_cells
    if more < 1 or left < 1:
        return 1.0
    gained = max(error_sum - error_cells, 0.0)
    if error_cells <= 1e-12 * len(values):  # nothing is left to chance: rounding, not noise
        return float(gained <= 1e-12 * len(values))
    return float(f.sf((gained / more) / (error_cells / left), more, left))


def labels(runs: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """A number for each combination of values, by row."""
    return runs.groupby(columns).ngroup().to_numpy()


def residual(terms: Sequence[np.ndarray], values: np.ndarray) -> tuple[int, float]:
    """Rank and squared error of the least-squares fit by an indicator for each label of each term."""
    design = np.hstack([(term[:, None] == np.unique(term)).astype(float) for term in terms])
    weights, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    return int(rank), float(((values - design @ weights) ** 2).sum())
