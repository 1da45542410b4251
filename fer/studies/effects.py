"""Main effects of a factor: means of its levels, and paired differences between them."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t, ttest_1samp

from fer.evaluation.intervals import LEVEL, holm
from fer.studies.factors import Factors, is_range, levels

ALPHA = 1 - LEVEL
"""Significance level, 0.05."""
OWN_BEST = "best"
"""Stands for a level of another factor: for each level, the one at which it is best."""


class Difference(NamedTuple):
    """The mean difference of a figure between the levels `a` and `b` of a factor, over pairs of runs.

    The runs of a pair have the same seed and the same levels of all other factors. Figures are shares in [0, 1].
    """

    factor: str
    a: str
    b: str
    pairs: int
    mean: float
    sd: float
    low: float  # of the interval by Student's t, corrected like p_holm; NaN for a single pair and for equal differences
    high: float
    p: float  # see `p_value`
    p_holm: float = 1.0
    given: str = ""  # the factor at whose level `at` alone the runs were compared
    at: str = ""


def marginal(runs: pd.DataFrame, factor: str, others: Factors, figure: str) -> pd.DataFrame:
    """Returns level, runs, mean and half: the mean of a figure at each level, and half of its interval.

    The interval is that of Student's t within blocks of runs with the same seed and `others` (Morey 2008): what all
    levels of a block share does not widen it. NaN where fewer than two blocks have all levels.
    """
    groups = runs.groupby(factor)[figure]
    names = levels(runs[factor])
    means, counts = groups.mean(), groups.size()
    blocks = runs.pivot_table(index=[*others, "seed"], columns=factor, values=figure, aggfunc="mean").dropna()
    within = blocks.sub(blocks.mean(axis=1), axis=0)
    correction = (len(names) / (len(names) - 1)) ** 0.5 if len(names) > 1 else 1.0
    halves = [correction * half_width(within[name].to_numpy(), ALPHA) for name in names]
    rows = zip(names, counts[names], means[names], halves, strict=True)
    return pd.DataFrame(rows, columns=["level", "runs", "mean", "half"])


def half_width(values: np.ndarray, alpha: float) -> float:
    """Returns half of the interval of the mean at level 1 - alpha (Student's t); NaN for fewer than two values."""
    if len(values) < 2:
        return np.nan
    return float(t.ppf(1 - alpha / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)


def paired(runs: pd.DataFrame, factor: str, others: Factors, figure: str) -> list[Difference]:
    """Returns the difference of every two levels of a factor; p values and intervals are corrected for these (Holm)."""
    return corrected(paired_values(runs, factor, others, figure))


Values = dict[tuple[str, str, str], np.ndarray]
"""(factor, a, b) -> the differences of all pairs of runs."""


def paired_values(runs: pd.DataFrame, factor: str, others: Factors, figure: str) -> Values:
    """Returns the differences between every two levels, over the pairs of runs with the same seed and `others`."""
    blocks = runs.pivot_table(index=[*others, "seed"], columns=factor, values=figure, aggfunc="mean")
    values = {}
    for a, b in combinations(levels(runs[factor]), 2):
        differences = (blocks[a] - blocks[b]).dropna().to_numpy()
        if len(differences):
            values[factor, a, b] = differences
    return values


def corrected(values: Values) -> list[Difference]:
    """Returns the differences as tests of one question, corrected by Holm's method (1979).

    The k-th smallest of m p values is multiplied by m - k + 1, and its interval has the level 1 - 0.05 / (m - k + 1).
    From the first test that is not significant on, its factor holds for all. So an interval excludes 0 if and only if
    the corrected p is below 0.05.
    """
    p_values = [p_value(differences) for differences in values.values()]
    p_holm = holm(p_values)
    alphas = holm_alphas(p_values)
    results = []
    for (names, differences), p, p_corrected, alpha in zip(values.items(), p_values, p_holm, alphas, strict=True):
        mean, half = float(differences.mean()), half_width(differences, alpha)
        sd = float(differences.std(ddof=1)) if len(differences) > 1 else np.nan
        if are_equal(differences):
            sd, half = 0.0, np.nan
        results.append(Difference(*names, len(differences), mean, sd, mean - half, mean + half, p, p_corrected))
    return results


def p_value(differences: np.ndarray) -> float:
    """Returns p of the paired t test; of the sign test where all differences are equal, as happens with few images.

    1 for a single pair.
    """
    if len(differences) < 2:
        return 1.0
    if are_equal(differences):
        return 1.0 if differences[0] == 0 else 0.5 ** (len(differences) - 1)
    return float(ttest_1samp(differences, 0).pvalue)  # pyright: ignore[reportAttributeAccessIssue]  # set at run time


def are_equal(differences: np.ndarray) -> bool:
    """Whether two or more differences are the same, so that their spread says nothing."""
    return len(differences) > 1 and bool(np.ptp(differences) < 1e-9)


def holm_alphas(p_values: Sequence[float]) -> list[float]:
    """Returns the significance level that Holm's method compares each p value with."""
    alphas = [0.0] * len(p_values)
    remaining = len(p_values)
    for index in np.argsort(p_values, kind="stable"):
        alphas[index] = ALPHA / remaining
        if p_values[index] <= ALPHA / remaining:
            remaining -= 1
    return alphas


def differences(runs: pd.DataFrame, factors: Factors, figure: str) -> list[Difference]:
    """Returns the differences of all listed factors, corrected for all of them together."""
    values: Values = {}
    for factor in factors:
        if not is_range(runs[factor]):
            values |= paired_values(runs, factor, without(factors, factor), figure)
    return corrected(values)


def differences_at(runs: pd.DataFrame, factors: Factors, figure: str, factor: str, given: str) -> list[Difference]:
    """Returns the differences of a factor at each level of `given`, corrected for those of the same level."""
    results: list[Difference] = []
    for level in levels(runs[given]):
        at_level = paired(runs[runs[given] == level], factor, without(factors, factor), figure)
        results += [difference._replace(given=given, at=level) for difference in at_level]
    return results


def best_levels(runs: pd.DataFrame, factor: str, given: str, figure: str) -> dict[str, str]:
    """Returns level of `factor` -> the level of `given` at which it has the best mean figure."""
    means = runs.groupby([factor, given])[figure].mean()
    return {level: means[level].idxmax() for level in levels(runs[factor])}


def differences_at_best(runs: pd.DataFrame, factors: Factors, figure: str, factor: str, given: str) -> list[Difference]:
    """Returns the differences of a factor, each level at its own best level of `given`, corrected for these.

    The best are chosen by the same figure, which favours levels that were run at many levels of `given`.
    """
    at_best = runs[runs[given] == runs[factor].map(best_levels(runs, factor, given, figure))]
    results = paired(at_best, factor, without(without(factors, factor), given), figure)
    return [difference._replace(given=given, at=OWN_BEST) for difference in results]


def without(factors: Factors, factor: str) -> Factors:
    return [other for other in factors if other != factor]


def turned(difference: Difference) -> Difference:
    """Returns the difference as `b` minus `a`."""
    return difference._replace(
        a=difference.b, b=difference.a, mean=-difference.mean, low=-difference.high, high=-difference.low
    )
