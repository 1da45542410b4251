"""Sums up a study in five lines: data, options that vary, runs, the best of them, time and commit."""

from fer.console import duration
from fer.counting import counted
from fer.evaluation.formatting import figure_title
from fer.report import plain
from fer.studies.factors import DEFAULT, is_range, levels, table, titles
from fer.studies.provenance import machine, named, seeds_of
from fer.studies.run_names import Run
from fer.studies.selection import best_of, finished, judged_by
from fer.studies.tables import data_title, mean_and_spread

SHOWN_LEVELS = 6
"""Levels of an option that the summary lists at most."""


def facts(runs: list[Run], with_test: bool) -> str:
    """Returns the lines as a Markdown list."""
    done = finished(runs)
    configurations = counted(len({run["name"] for run in runs}), "configuration")
    lines = [
        f"Data: {'; '.join(dict.fromkeys(map(data_title, runs)))}.",
        f"Varied: {varied(runs)}.",
        f"Runs: {len(done)} of {len(runs)} finished, {configurations}, {named('seed', seeds_of(runs))}.",
        *([best_line(runs, done, with_test)] if done else []),
        time_line(done),
    ]
    return "\n".join([*(f"- {plain(line)}" for line in lines), ""])


def varied(runs: list[Run]) -> str:
    """Returns the options in which the runs differ, each with its values."""
    rows, factors = table(runs, [])
    return "; ".join(f"{name} ({values(rows[name])})" for name in factors) or "nothing but the seed"


def values(column) -> str:
    """Returns the values of an option: its range where it was drawn from one, else at most SHOWN_LEVELS of them."""
    names = levels(column)
    if is_range(column):
        typed = [name for name in names if name != DEFAULT]
        return f"{f'{DEFAULT}, ' if DEFAULT in names else ''}{typed[0]} to {typed[-1]}"
    rest = len(names) - SHOWN_LEVELS
    return ", ".join([*names[:SHOWN_LEVELS], *([f"{rest} more"] if rest > 0 else [])])


def best_line(runs: list[Run], done: list[Run], with_test: bool) -> str:
    """Returns the configuration that is best by validation among the finished runs `done`, with its figures."""
    best, figure = best_of(done), judged_by(done)
    figures = [figure, *(["test/accuracy"] if with_test else [])]
    texts = [f"{figure_title(name)} {mean_and_spread(best, name)} %" for name in figures if name in best[0]]
    return f"Best by validation: {titles(runs)[best[0]['name']]}, with {' and '.join(texts)}."


def time_line(done: list[Run]) -> str:
    """Returns how long all fits took, on which machines and at which commits."""
    seconds = sum(run["fit_seconds"] for run in done)
    machines = "; ".join(sorted({machine(run) for run in done}))
    commits = named("commit", sorted({str(run.get("commit")) for run in done}) or ["unknown"])
    return f"Time: {duration(seconds)} of training on {machines or 'no machine'}; {commits}."
