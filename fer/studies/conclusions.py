"""Writes the conclusions of a study's report: sentences, effects, tests and missing runs."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from fer.evaluation.formatting import figure_title
from fer.files import atomic
from fer.report import markdown_table
from fer.studies import effects, importance, interactions
from fer.studies.drawing import draw
from fer.studies.effects import Difference
from fer.studies.factors import Factors, is_range, is_rate, missing, table
from fer.studies.interactions import Partner
from fer.studies.run_names import Run
from fer.studies.selection import finished, judged_by
from fer.studies.sentences import conclusions, points, probability

METHODS = (
    "Two levels are compared over pairs of runs with the same seed and the same other options: mean difference in "
    "{figure} and paired t test.{correction} The interval in brackets excludes 0 exactly where the difference is "
    "significant. The sample is the seeds: all runs are judged on the same validation images."
)
CORRECTION = " p values and intervals are corrected for the {count} comparisons (Holm)."
INTERACTIONS = (
    " Whether the effect of one option depends on another is tested by the F test of their interaction in a linear "
    "model, corrected for all pairs of options. Such an option is also compared at each level of the other, corrected "
    "for the comparisons at that level."
)
EQUAL = " Where the difference is the same in all pairs of runs, a sign test takes the place of the t test."
AT_BEST = " Where the other option is a learning rate, the levels are also compared at their own best rates."
MEANS = (
    "Means over all runs with a level, in percent. They can be compared where every level was combined with the same "
    "other options."
)
MAX_COMPARISONS = 30
"""Comparisons in the text; pairs.csv has all of them where there are more."""


class Conclusion(NamedTuple):
    """What a study concludes, as Markdown. items: a sentence or more on each option; parts: all of the report on it."""

    items: list[str]
    parts: list[str]


def conclude(runs: list[Run], out: Path) -> Conclusion:
    """Writes figures and pairs.csv into `out` and returns the conclusion.

    Where no option differs between the finished runs, its only part is the list of the others, if there are any.
    """
    done = finished(runs)
    if not done:
        return Conclusion([], unfinished(runs, []))
    figure = judged_by(runs)
    rows, factors = table(done, [figure])
    if not factors:
        return Conclusion([], unfinished(runs, factors))
    partners = interactions.partners(rows, factors, figure)
    differences = effects.differences(rows, factors, figure)
    count = len(differences)
    for factor, partner in partners.items():
        differences += effects.differences_at(rows, factors, figure, factor, partner.name)
        if is_rate(partner.name):
            differences += effects.differences_at_best(rows, factors, figure, factor, partner.name)
    write_comparisons(differences, out / "pairs.csv")
    items = [f"- {item}" for item in conclusions(rows, factors, figure, differences, partners)]
    parts = ["## Conclusion\n", *items]
    if differences:
        parts.append(f"\n{methods(differences, count, figure, partners)}\n")
    parts += [*unfinished(runs, factors), *draw(rows, done, factors, partners, figure, out)]
    means = marginals(rows, factors, figure)
    if len(means):
        parts += ["## Means\n", f"{MEANS}\n", f"{markdown_table(means)}\n"]
    if shares := importance.shares(rows, factors, figure):
        parts.append(importance_sentence(shares))
    if differences:
        parts.append(folded(comparisons_title(differences), markdown_table(comparisons(differences))))
    return Conclusion(items, parts)


def write_comparisons(differences: list[Difference], path: Path) -> None:
    """Writes all comparisons where the report cannot show them all; else removes the file."""
    if len(differences) <= MAX_COMPARISONS:
        path.unlink(missing_ok=True)
        return
    with atomic(path) as file:
        pd.DataFrame(differences).to_csv(file, index=False)


def methods(differences: list[Difference], count: int, figure: str, partners: dict[str, Partner]) -> str:
    """Returns how levels were compared, in words. count: of the comparisons that are corrected together."""
    correction = CORRECTION.format(count=count) if count > 1 else ""
    text = METHODS.format(figure=figure_title(figure), correction=correction)
    if any(one.sd == 0 and one.mean for one in differences):
        text += EQUAL
    if partners:
        text += INTERACTIONS
    if any(is_rate(partner.name) for partner in partners.values()):
        text += AT_BEST
    return text


def comparisons_title(differences: list[Difference]) -> str:
    if len(differences) <= MAX_COMPARISONS:
        return "All comparisons"
    return f"The {MAX_COMPARISONS} comparisons with the smallest p values (all: pairs.csv)"


def folded(title: str, text: str) -> str:
    """Returns Markdown that is hidden until the reader opens it."""
    return f'<details markdown="1"><summary>{title}</summary>\n\n{text}\n\n</details>\n'


def unfinished(runs: list[Run], factors: Factors) -> list[str]:
    """Returns a section with the runs that failed or stopped, and the cells of the grid that were never started."""
    rows, _ = table(runs, [])
    lines = lost(runs)
    lines += [f"- never started: {cell}" for cell in missing(rows, factors)]
    return ["## Not finished\n", *lines, ""] if lines else []


def lost(runs: list[Run]) -> list[str]:
    """Returns a Markdown item for each run that failed or stopped, with the reason."""
    return [
        f"- {run['name']} seed {run['config']['seed']}: {run['status']} ({run.get('error') or 'stopped'})"
        for run in runs
        if run["status"] != "finished"
    ]


def marginals(rows: pd.DataFrame, factors: Factors, figure: str) -> pd.DataFrame:
    """Returns the means of all levels of the listed factors, as text."""
    cells: list[dict[str, Any]] = []
    title = figure_title(figure)
    for factor in factors:
        if not is_range(rows[factor]):
            for level in effects.marginal(rows, factor, effects.without(factors, factor), figure).to_dict("records"):
                mean = f"{100 * level['mean']:.1f}"
                cells.append({"factor": factor, "level": level["level"], "runs": level["runs"], title: mean})
    return pd.DataFrame(cells, columns=["factor", "level", "runs", title])


def comparisons(differences: list[Difference]) -> pd.DataFrame:
    """Returns the comparisons with the smallest p values as text."""
    rows = []
    for one in sorted(differences, key=lambda one: one.p_holm)[:MAX_COMPARISONS]:
        factor = f"{one.factor} at {one.given} {one.at}" if one.given else one.factor
        row = {"factor": factor, "levels": f"{one.a} − {one.b}", "pairs of runs": one.pairs, "points": points(one)}
        row["p"] = probability(one.p) if one.pairs > 1 else "–"
        row["p (Holm)"] = probability(one.p_holm) if one.pairs > 1 else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def importance_sentence(shares: dict[str, float]) -> str:
    """Returns the share of the variance between the trials of a search that each option explains, in words."""
    parts = [f"{name} {100 * share:.0f} %" for name, share in sorted(shares.items(), key=lambda item: -item[1])]
    return f"Share of the variance between the trials (functional ANOVA): {', '.join(parts)}.\n"
