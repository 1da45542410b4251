"""Says in words what the runs of a study show about each factor."""

from collections.abc import Sequence

import pandas as pd
from scipy.stats import spearmanr

from fer.evaluation.formatting import figure_title
from fer.studies import effects
from fer.studies.effects import ALPHA, OWN_BEST, Difference
from fer.studies.factors import Factors, is_range, is_rate, levels, numbers
from fer.studies.interactions import Partner


def conclusions(
    runs: pd.DataFrame,
    factors: Factors,
    figure: str,
    differences: Sequence[Difference],
    partners: dict[str, Partner],
) -> list[str]:
    """Returns a Markdown item for each factor, with one item below it for each level of the factor it depends on."""
    items = []
    for factor in factors:
        if is_range(runs[factor]):
            items.append(correlation(runs, factor, figure))
            continue
        own = [difference for difference in differences if difference.factor == factor]
        overall = comparison([difference for difference in own if not difference.given], len(runs))
        if factor not in partners:
            items.append(f"**{factor}**: {overall}.")
            continue
        other, p = partners[factor]
        lines = conditional(runs, factor, other, figure, own)
        items.append(
            f"**{factor}**: its effect depends on {other} (interaction, p {probability(p, '= ')}). "
            f"On average over {other}, {overall}." + "".join(f"\n    - {line}" for line in lines)
        )
    return items


def conditional(runs: pd.DataFrame, factor: str, other: str, figure: str, differences: list[Difference]) -> list[str]:
    """Returns what a factor does at each level of another; for a learning rate also with each level at its own best."""
    lines = []
    for level in levels(runs[other]):
        at_level = [difference for difference in differences if (difference.given, difference.at) == (other, level)]
        lines.append(f"at {other} {level}: {comparison(at_level, (runs[other] == level).sum())}.")
    if is_rate(other):
        best = effects.best_levels(runs, factor, other, figure)
        at_best = [difference for difference in differences if (difference.given, difference.at) == (other, OWN_BEST)]
        rates = ", ".join(f"{level} {rate}" for level, rate in best.items())
        count = (runs[other] == runs[factor].map(best)).sum()
        lines.append(f"each at its own best ({rates}): {comparison(at_best, count)}.")
    return lines


def comparison(differences: Sequence[Difference], runs: int) -> str:
    """Returns which levels differ significantly, in words. runs: the number of runs that were compared."""
    identical = [one for one in differences if one.pairs > 1 and one.mean == one.sd == 0]
    others = [one for one in differences if one not in identical]
    parts = [f"{one.a} and {one.b} gave the same figure in all {one.pairs} pairs of runs" for one in identical]
    if others:
        parts.append(verdict(others, runs))
    return "; ".join(parts) or "no two runs differ in it alone, so no conclusion is possible"


def verdict(differences: Sequence[Difference], runs: int) -> str:
    """Returns the significant differences, largest first, or that there is none."""
    positive = [one if one.mean >= 0 else effects.turned(one) for one in differences]
    significant = sorted((one for one in positive if one.p_holm < ALPHA), key=lambda one: -one.mean)
    if not significant:
        largest = max(positive, key=lambda one: one.mean)
        return (
            f"no significant difference in {runs} runs; the largest is {largest.a} over {largest.b} by "
            f"{points(largest)}"
        )
    text = "; ".join(f"{one.a} beats {one.b} by {points(one)}" for one in significant)
    rest = len(differences) - len(significant)
    if rest:
        text += f"; the other {'pair does' if rest == 1 else f'{rest} pairs do'} not differ significantly"
    return text


def points(difference: Difference) -> str:
    """Returns `2.1 points (+1.5 to +2.7)`; without interval for a single pair of runs, and for equal differences."""
    if difference.pairs == 1:
        return f"{100 * difference.mean:.1f} points (one pair of runs)"
    if difference.sd == 0:
        return f"{100 * difference.mean:.1f} points (in each of the {difference.pairs} pairs of runs)"
    return f"{100 * difference.mean:.1f} points ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"


def correlation(runs: pd.DataFrame, factor: str, figure: str) -> str:
    """Returns a sentence on a factor drawn from a range: its rank correlation with the figure (Spearman 1904)."""
    values = numbers(runs[factor])
    if runs[figure].nunique() == 1:
        return f"**{factor}**: all runs gave the same {figure_title(figure)}."
    rank_correlation, p = map(float, spearmanr(values, runs[figure], nan_policy="omit"))
    if p >= ALPHA:
        trend = "no significant trend"
    elif rank_correlation > 0:
        trend = "larger values are better"
    else:
        trend = "smaller values are better"
    return f"**{factor}**: {trend} (rank correlation {rank_correlation:+.2f}, p {probability(p, '= ')}, uncorrected)."


def probability(p: float, equals: str = "") -> str:
    """Returns p with four digits, or `< 0.0001`."""
    return f"{equals}{p:.4f}" if p >= 0.0001 else "< 0.0001"
