"""Draws the figures of a study, two at most."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from fer.evaluation.formatting import figure_title, join_words
from fer.files import save_figure
from fer.plots.study import effects_figure, learning_figure, two_factors_figure
from fer.studies import effects
from fer.studies.factors import Factors, is_range, levels, numbers
from fer.studies.interactions import Partner
from fer.studies.run_names import Run

INTERVALS = (
    "Bars: 95 % intervals of the means, without the differences between pairs of runs that all levels share (seed and "
    "other options; Morey 2008)."
)
MANY_CURVES = 12
"""Learning curves in a panel above which nobody can tell them apart."""
SMALL = 4
"""Pairs of levels up to which their means stand in a sentence."""


def draw(
    rows: pd.DataFrame, runs: list[Run], factors: Factors, partners: dict[str, Partner], figure: str, out: Path
) -> list[str]:
    """Saves the figures, two at most, and returns the Markdown that shows them."""
    listed = [factor for factor in factors if not is_range(rows[factor])]
    pair = strongest_pair(listed, partners)
    means = mean_of_pairs(rows, pair, figure) if pair else pd.DataFrame()
    figures: dict[str, tuple[Figure, str]] = {}
    has_intervals = False
    if means.size > SMALL:
        figures["two_factors"] = two_factors_figure(means, figure_title(figure)), "mean by two options"
    else:
        marginal = {
            factor: effects.marginal(rows, factor, effects.without(factors, factor), figure) for factor in listed
        }
        has_intervals = any(table["half"].notna().any() for table in marginal.values())
        figures["effects"] = (
            effects_figure(marginal, ranges(rows, factors), rows, figure, figure_title(figure)),
            "figures of all runs and means by option",
        )
    shown = listed or ["name"]
    if any(run.get("curves") for run in runs) and rows[shown].nunique().max() <= MANY_CURVES:
        figures["learning"] = learning_figure(curves(rows, runs, shown)), "learning curves"
    for name in ("two_factors", "effects", "learning"):  # of an earlier report, perhaps
        (out / f"{name}.png").unlink(missing_ok=True)
    for name, (drawing, _) in figures.items():
        save_figure(drawing, out / f"{name}.png", colours=256)
    parts = [f"{small_matrix(means, figure)}\n"] if 0 < means.size <= SMALL else []
    for name, (_, alt) in figures.items():
        parts.append(f"![{alt}]({name}.png)\n")
        parts += [f"{INTERVALS}\n"] if name == "effects" and has_intervals else []
    return parts


def ranges(rows: pd.DataFrame, factors: Factors) -> dict[str, pd.Series]:
    """Returns the values of each factor that was drawn from a range, a number for each run."""
    return {factor: numbers(rows[factor]) for factor in factors if is_range(rows[factor])}


def small_matrix(means: pd.DataFrame, figure: str) -> str:
    """Returns the mean of each pair of levels in a sentence, for so few of them that a picture shows no more."""
    cells = [
        f"{100 * value:.1f} % with {means.index.name} {row} and {means.columns.name} {column}"
        for row, values in means.iterrows()
        for column, value in values.items()
        if pd.notna(value)
    ]
    return f"Mean {figure_title(figure)}: {join_words(cells)}."


def strongest_pair(factors: Factors, partners: dict[str, Partner]) -> Factors:
    """Returns the two factors with the strongest interaction, in their order; empty where there is none."""
    if not partners:
        return []
    factor, partner = min(partners.items(), key=lambda item: item[1].p)
    return [name for name in factors if name in (factor, partner.name)]


def mean_of_pairs(rows: pd.DataFrame, pair: Factors, figure: str) -> pd.DataFrame:
    """Returns the mean figure of each pair of levels; the levels of the first factor are the rows."""
    first, second = pair
    means = rows.pivot_table(index=first, columns=second, values=figure, aggfunc="mean")
    return means.loc[levels(rows[first]), levels(rows[second])]


def curves(rows: pd.DataFrame, runs: list[Run], factors: Factors) -> dict[str, dict[str, list[pd.DataFrame]]]:
    """Returns factor -> level -> the learning curves of its runs."""
    groups: dict[str, dict[str, list[pd.DataFrame]]] = {}
    for factor in factors:
        groups[factor] = {level: [] for level in levels(rows[factor])}
        for run, level in zip(runs, rows[factor], strict=True):
            if run.get("curves"):
                groups[factor][level].append(pd.DataFrame(run["curves"]))
        groups[factor] = {level: tables for level, tables in groups[factor].items() if tables}
    return groups
