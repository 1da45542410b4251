"""Main effects of a factor: level means, and differences between runs that are otherwise alike."""

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from fer.evaluation.intervals import LEVEL, holm
from fer.studies.factors import Factors, is_range, levels

SURE = 0.05
BEST = "best"  # in place of a level: each at its own best


class Difference(NamedTuple):
    """The figure at level `a` less that at level `b`, over `pairs` pairs of runs; shares in [0, 1]."""

    factor: str
    a: str
    b: str
    pairs: int
    mean: float
    sd: float
    low: float  # of the 95 % interval by Student's t; NaN of a single pair
    high: float
    p: float  # paired t test; 1 of a single pair
    p_holm: float = 1.0
    given: str = ""  # the factor at whose level `at` alone the runs were compared
    at: str = ""


def marginal(runs: pd.DataFrame, factor: str, figure: str) -> pd.DataFrame:
    """level, runs, mean, sd and the ends of the mean's 95 % interval (Student's t), over all else that varies."""
    rows = []
    for level in levels(runs[factor]):
        values = runs.loc[runs[factor] == level, figure].to_numpy(float)
        low, high = t_interval(values)
        sd = values.std(ddof=1) if len(values) > 1 else np.nan
        rows.append({"level": level, "runs": len(values), "mean": values.mean(), "sd": sd, "low": low, "high": high})
    return pd.DataFrame(rows)


def t_interval(values: np.ndarray) -> tuple[float, float]:
    """Of the mean of independent values; NaN of fewer than two."""
    from scipy.stats import t

    if len(values) < 2:
        return np.nan, np.nan
    half = t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return values.mean() - half, values.mean() + half


def paired(runs: pd.DataFrame, factor: str, others: Factors, figure: str) -> list[Difference]:
    """Every two levels of `factor`, over the pairs of runs with the same seed and the same levels of `others`."""
    from scipy.stats import ttest_1samp

    blocks = runs.pivot_table(index=[*others, "seed"], columns=factor, values=figure, aggfunc="mean")
    found = []
    for a, b in combinations(levels(runs[factor]), 2):
        values = (blocks[a] - blocks[b]).dropna().to_numpy()
        if not len(values):
            continue
        p, sd = 1.0, np.nan
        if len(values) > 1:
            sd = values.std(ddof=1)
            p = float(ttest_1samp(values, 0).pvalue) if sd > 0 else float(values[0] == 0)
        found.append(Difference(factor, a, b, len(values), values.mean(), sd, *t_interval(values), p))
    return found


def differences(runs: pd.DataFrame, factors: Factors, figure: str) -> list[Difference]:
    """`paired` for all factors with listed levels; p values corrected for all of them together (Holm 1979)."""
    listed = [factor for factor in factors if not is_range(runs[factor])]
    return corrected([one for factor in listed for one in paired(runs, factor, without(factors, factor), figure)])


def differences_at(runs: pd.DataFrame, factors: Factors, figure: str, factor: str, given: str) -> list[Difference]:
    """`paired` for one factor at each level of `given` alone; p values corrected for those of the same level (Holm)."""
    found: list[Difference] = []
    for level in levels(runs[given]):
        there = paired(runs[runs[given] == level], factor, without(factors, factor), figure)
        found += [one._replace(given=given, at=level) for one in corrected(there)]
    return found


def best_levels(runs: pd.DataFrame, factor: str, given: str, figure: str) -> dict[str, str]:
    """Level of `factor` -> the level of `given` at which it has the best mean figure."""
    means = runs.groupby([factor, given])[figure].mean()
    return {level: means[level].idxmax() for level in levels(runs[factor])}


def differences_at_best(runs: pd.DataFrame, factors: Factors, figure: str, factor: str, given: str) -> list[Difference]:
    """`paired` for one factor, each level at its own best level of `given`; p values corrected for those (Holm).

    The best are chosen by the same figure, so each is flattered, more so where `given` has more levels.
    """
    best = runs[runs[given] == runs[factor].map(best_levels(runs, factor, given, figure))]
    there = paired(best, factor, without(without(factors, factor), given), figure)
    return [one._replace(given=given, at=BEST) for one in corrected(there)]


def corrected(found: list[Difference]) -> list[Difference]:
    """With p_holm for all being tests of one question (Holm 1979)."""
    return [one._replace(p_holm=p) for one, p in zip(found, holm([one.p for one in found]), strict=True)]


def without(factors: Factors, factor: str) -> Factors:
    return [other for other in factors if other != factor]


def sentence(name: str, found: Sequence[Difference], runs: int) -> str:
    """What `runs` runs say about a factor, in words."""
    same = [one for one in found if one.pairs > 1 and one.mean == one.sd == 0]
    told = [
        f"{one.a} and {one.b} gave the same figure in all {one.pairs} pairs of runs, so they may be one" for one in same
    ]
    if different := [one for one in found if one not in same]:
        told.append(verdict(different, runs))
    return f"{name}: {'; '.join(told) or 'no two runs differ in it alone, so nothing follows'}."


def verdict(found: Sequence[Difference], runs: int) -> str:
    """Which levels differ surely, or that none do."""
    upright = [one if one.mean >= 0 else turned(one) for one in found]
    sure = [one for one in upright if one.p_holm < SURE]
    if not sure:
        largest = max(upright, key=lambda one: one.mean)
        return (
            f"no difference that these {runs} runs can show; the largest is {largest.a} over {largest.b} "
            f"by {points(largest)}"
        )
    told = [f"{one.a} beats {one.b} by {points(one)}" for one in sorted(sure, key=lambda one: -one.mean)]
    rest = len(found) - len(sure)
    others = f"; {rest} other {'pair does' if rest == 1 else 'pairs do'} not differ surely" if rest else ""
    return f"{'; '.join(told)}{others}"


def turned(one: Difference) -> Difference:
    """The same, as b less a."""
    return one._replace(a=one.b, b=one.a, mean=-one.mean, low=-one.high, high=-one.low)


def points(one: Difference) -> str:
    """`2.1 points (1.5 to 2.7)`, or of a single pair without an interval."""
    ends = f" ({100 * one.low:+.1f} to {100 * one.high:+.1f})" if one.pairs > 1 else " (one pair of runs)"
    return f"{100 * one.mean:.1f} points{ends}"


def correlation(runs: pd.DataFrame, factor: str, figure: str) -> str:
    """A sentence on a factor that was drawn from a range: its rank correlation with the figure (Spearman 1904)."""
    from scipy.stats import spearmanr

    found = spearmanr(pd.to_numeric(runs[factor]), runs[figure])
    direction = "better where it is larger" if found.statistic > 0 else "better where it is smaller"
    verdict = direction if found.pvalue < SURE else "no trend that these runs can show"
    return f"{factor}: {verdict} (rank correlation {found.statistic:+.2f}, p = {found.pvalue:.3f}, uncorrected)."
