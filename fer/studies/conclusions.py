"""Writes the conclusions of a study's report: sentences, effects, tests, figures, missing runs."""

from pathlib import Path
from typing import Any

import pandas as pd

from fer.files import atomic, save_figure
from fer.plots.study import effects_figure, importance_figure, learning_figure, parallel_figure, two_factors_figure
from fer.report import markdown_table
from fer.studies import effects, importance, interactions
from fer.studies.effects import Difference
from fer.studies.factors import Factors, is_range, is_rate, levels, missing, table
from fer.studies.interactions import Partner
from fer.studies.records import Run
from fer.studies.tables import finished, judged_by

METHODS = (
    "Two levels are compared over pairs of runs with the same seed that are alike in all else: mean difference in "
    "{figure}, its 95 % interval and the paired t test, p corrected for all {count} such comparisons of the study "
    "(Holm). Seeds are the sample: all runs are judged on the same validation images."
)
DEPENDENCE = (
    " An option whose effect surely depends on another (F test of the interaction in a linear model, p corrected for "
    "all pairs of options) is also compared at each value of that other alone, p corrected for the comparisons there."
)
AT_BEST = (
    " Where that other is a learning rate, all are compared at their own best of it as well; the best were chosen by "
    "the same figure."
)
SHOWN = 30  # comparisons in the text; pairs.csv has all


def conclude(runs: list[Run], out: Path) -> list[str]:
    """Markdown; draws its pictures and writes pairs.csv into `out`. Nothing where no option differs between runs."""
    figure = judged_by(runs)
    done, factors = table(finished(runs), [figure])
    if not factors:
        return []
    partners = interactions.partners(done, factors, figure)
    found = effects.differences(done, factors, figure)
    count = len(found)
    for factor, partner in partners.items():
        found += effects.differences_at(done, factors, figure, factor, partner.name)
        if is_rate(partner.name):
            found += effects.differences_at_best(done, factors, figure, factor, partner.name)
    pictures = draw(done, finished(runs), factors, partners, figure, out)
    with atomic(out / "pairs.csv") as file:
        pd.DataFrame(found).to_csv(file, index=False)
    return [
        "## Conclusion\n",
        *(f"- {said}" for said in sentences(done, factors, figure, found, partners)),
        f"\n{METHODS.format(count=count, figure=figure)}{dependence(partners)}\n" if found else "",
        *gaps(runs, factors),
        "## Effects\n",
        "Means over all runs with a level, in percent, with 95 % interval; they compare where every level met the same "
        "other options.\n",
        markdown_table(marginals(done, factors, figure)) + "\n",
        *pictures,
        *([markdown_table(comparisons(found)) + "\n"] if found else []),
    ]


def sentences(
    done: pd.DataFrame, factors: Factors, figure: str, found: list[Difference], partners: dict[str, Partner]
) -> list[str]:
    """One a factor; below it, where it depends on another, one for each level of that."""
    told = []
    for factor in factors:
        if is_range(done[factor]):
            told.append(effects.correlation(done, factor, figure))
            continue
        mine = [one for one in found if one.factor == factor]
        said = effects.sentence(factor, [one for one in mine if not one.given], len(done))
        if factor in partners:
            other, p = partners[factor]
            said += f" It depends on {other} (interaction, p {probability(p, '= ')}):"
            said += "".join(f"\n  - {line}" for line in at_levels(done, factor, other, figure, mine))
        told.append(said)
    return told


def dependence(partners: dict[str, Partner]) -> str:
    """How options that depend on others were compared; nothing where none does."""
    at_best = any(is_rate(partner.name) for partner in partners.values())
    return DEPENDENCE * bool(partners) + AT_BEST * at_best


def at_levels(done: pd.DataFrame, factor: str, other: str, figure: str, found: list[Difference]) -> list[str]:
    """What `factor` does at each level of `other`; where that is a learning rate, also with each at its own best."""
    counts = done[other].value_counts()
    places = [(level, f"at {level}", counts[level]) for level in levels(done[other])]
    if is_rate(other):
        best = effects.best_levels(done, factor, other, figure)
        names = ", ".join(f"{level} {at}" for level, at in best.items())
        places.append((effects.BEST, f"each at its own best ({names})", (done[other] == done[factor].map(best)).sum()))
    return [
        effects.sentence(name, [one for one in found if (one.given, one.at) == (other, at)], count)
        for at, name, count in places
    ]


def gaps(runs: list[Run], factors: Factors) -> list[str]:
    """Which runs failed, and which cells of the grid have none."""
    lines = [
        f"- {run['name']} seed {run['config']['seed']}: {run['status']} ({run.get('error') or 'stopped'})"
        for run in runs
        if run["status"] != "finished"
    ]
    everything, _ = table(runs, [])
    absent = missing(everything, factors)
    lines += [f"- never started: {cell}" for cell in absent]
    return ["## Not finished\n", *lines, ""] if lines else []


def marginals(done: pd.DataFrame, factors: Factors, figure: str) -> pd.DataFrame:
    """`effects.marginal` of all listed factors, as text."""
    rows: list[dict[str, Any]] = []
    for factor in factors:
        if is_range(done[factor]):
            continue
        for row in effects.marginal(done, factor, figure).itertuples():
            ends = f" ({100 * row.low:.1f}–{100 * row.high:.1f})" if row.runs > 1 else ""
            rows.append({"factor": factor, "level": row.level, "runs": row.runs, figure: f"{100 * row.mean:.1f}{ends}"})
    return pd.DataFrame(rows, columns=["factor", "level", "runs", figure])


def comparisons(found: list[Difference]) -> pd.DataFrame:
    """The pairs of levels, surest first."""
    rows = [
        {
            "factor": one.factor + (f" at {one.given} {one.at}" if one.given else ""),
            "levels": f"{one.a} − {one.b}",
            "pairs of runs": one.pairs,
            "points": effects.points(one),
            "p": probability(one.p) if one.pairs > 1 else "–",
            "p (Holm)": probability(one.p_holm) if one.pairs > 1 else "–",
        }
        for one in sorted(found, key=lambda one: one.p_holm)[:SHOWN]
    ]
    return pd.DataFrame(rows)


def probability(p: float, equals: str = "") -> str:
    return f"{equals}{p:.4f}" if p >= 0.0001 else "< 0.0001"


def draw(
    done: pd.DataFrame, runs: list[Run], factors: Factors, partners: dict[str, Partner], figure: str, out: Path
) -> list[str]:
    """Saves the pictures; returns the Markdown that shows them."""
    listed = [factor for factor in factors if not is_range(done[factor])]
    pictures = {}
    if listed:
        tables = {factor: effects.marginal(done, factor, figure) for factor in listed}
        pictures["effects"] = (effects_figure(tables, done, figure), "mean of each level with its interval")
    pair = strongest(listed, partners) if len(factors) > 2 else listed
    if len(pair) == 2:
        means = mean_of_pairs(done, pair, figure)
        pictures["two_factors"] = (two_factors_figure(means, figure), "mean of each pair of levels")
    if len(factors) > 2:
        places = {factor: levels(done[factor]) for factor in factors}
        pictures["parallel"] = (parallel_figure(done, places, figure), "a line a run")
    if any(run.get("curves") for run in runs):
        pictures["learning"] = (learning_figure(curves(done, runs, listed or ["name"])), "learning curves")
    if shares := importance.of(done, factors, figure):
        pictures["importance"] = (importance_figure(shares), "importance of each option")
    for name, (picture, _) in pictures.items():
        save_figure(picture, out / f"{name}.png", colours=256)
    return [f"![{alt}]({name}.png)\n" for name, (_, alt) in pictures.items()]


def strongest(listed: Factors, partners: dict[str, Partner]) -> Factors:
    """The two factors that depend on each other most, in their order; none where none do."""
    return [factor for factor in listed for a, (b, _) in list(partners.items())[:1] if factor in (a, b)]


def mean_of_pairs(done: pd.DataFrame, pair: Factors, figure: str) -> pd.DataFrame:
    """Mean of `figure` over all else, levels of one factor down and of the other across."""
    down, across = pair
    means = done.pivot_table(index=down, columns=across, values=figure, aggfunc="mean")
    return means.loc[levels(done[down]), levels(done[across])]


def curves(done: pd.DataFrame, runs: list[Run], factors: Factors) -> dict[str, dict[str, list[pd.DataFrame]]]:
    """factor -> level -> the epochs of each of its runs."""
    found: dict[str, dict[str, list[pd.DataFrame]]] = {}
    for factor in factors:
        of_level: dict[str, list[pd.DataFrame]] = {level: [] for level in levels(done[factor])}
        for run, level in zip(runs, done[factor], strict=True):
            if rows := run.get("curves"):
                of_level[level].append(pd.DataFrame(rows))
        found[factor] = {level: frames for level, frames in of_level.items() if frames}
    return found
