"""Writes the leaderboard's README and figures from its table."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rows import SHARES
from scores import is_main

from fer.console import duration
from fer.plots.pareto import Point, pareto_figure
from fer.report import markdown_table

INTRODUCTION = """# Leaderboard

Accuracy on FER2013's official split: PublicTest chooses the epoch and the recipe, PrivateTest is read once per run and
kind of views. Means ± standard deviations over seeds, in percent; without ±, one seed.
Attempts are recipes that PublicTest did not favour; the figures leave them out. [leaderboard.csv](leaderboard.csv) has
every column in full, [LOG.md](LOG.md) each attempt."""
MILLISECONDS = "ms a face on one core (ONNX, all views)"
OTHERS = """## Other classes and labels

These tasks differ, so their rows do not compare with those above."""
AIMS = (
    ("PrivateTest, up to 60 k parameters", "network", 60_000, "test_accuracy", 67.0),
    ("PrivateTest, up to 450 k parameters", "network", 450_000, "test_accuracy", 70.5),
    ("PrivateTest, up to 2.4 M parameters", "network", 2_400_000, "test_accuracy", 72.7),
    ("macro F1 on PrivateTest, up to 2.4 M parameters", "network", 2_400_000, "test_macro_f1", 70.0),
    ("PrivateTest, an ensemble", "ensemble", float("inf"), "test_accuracy", 75.2),
    ("PrivateTest with the eight classes of FER+", "FER+, 8 classes", float("inf"), "test_accuracy", 87.0),
)
"""What is aimed at, the kind of row (see `kind_of`), the most parameters, column, percent."""
LEAST_SEEDS = 3
AIMS_TEXT = """## Aims

The aims hold for means over three or more seeds, and "today" is the mean over the seeds that were run, attempts left
out. 72.7 and 75.2 are the clean records of a single network and of an ensemble."""
PUBLISHED = """## Published figures

As their authors give them, and what they are. "Clean" are networks that were chosen without the split that is reported
and trained on FER2013 alone. PublicTest is about 1.7 points harder than PrivateTest for the same network."""
COLUMNS = """## Columns

- **MFLOP**: of one view of a face of 48×48 pixels, two for each multiply-add of convolutions and matrices.
- **ms**: processor time a face with all its views, one face at a time, through ONNX on one core (float32). All
  networks were timed in turn on one machine, which times.csv names.
- **minutes**: of a run's training; leaderboard.csv names machine and threads.
- **without copies**, **without near copies**: PrivateTest without the images that also lie in Training, pixel for pixel
  (8 %) or nearly (another 14 %). **FER+ agrees**: where most voters of FER+ chose FER2013's label.
- **ECE**: expected calibration error on PrivateTest (15 bins), after the temperature that was fitted on PublicTest.
- **views**: of a face, whose logits are averaged. **extra data**: all that a run learns from beside FER2013's training
  images and labels. Soft labels that networks of the same training images gave are no extra images.

```
python experiments/leaderboard/board.py RUN… --data FER2013
```

adds finished runs, and without RUN writes table and figures again from runs.jsonl.gz."""
TITLES = {
    "model": "recipe",
    "parameters": "parameters",
    "mflops": "MFLOP",
    "ms_per_face": "ms",
    "minutes": "minutes",
    "val_accuracy": "PublicTest",
    "test_accuracy": "PrivateTest",
    "test_balanced_accuracy": "balanced",
    "test_macro_f1": "macro F1",
    "test_without_copies": "without copies",
    "test_without_near_copies": "without near copies",
    "test_ferplus_agrees": "FER+ agrees",
    "ece": "ECE",
    "views": "views",
    "extra_data": "extra data",
}
OVERVIEW = ("parameters", "views", "val_accuracy", "test_accuracy")
"""Columns of the short table, beside the recipe and the time of training."""
DEVIATIONS = {"val_accuracy": "val_sd", "test_accuracy": "test_sd"}


def readme(
    table: pd.DataFrame, entries: Mapping[str, dict[str, Any]], published: pd.DataFrame, figures: Sequence[str]
) -> str:
    """Returns the README. figures: names of the pictures."""
    main = {entry["row"] for entry in entries.values() if is_main(entry)}
    blocks = [INTRODUCTION, results(table[table["model"].isin(main)])]
    blocks += [f"![accuracy on PrivateTest against {name}]({name}.png)" for name in figures]
    if len(main) < len(table):
        blocks += [OTHERS, results(table[~table["model"].isin(main)])]
    blocks += [AIMS_TEXT, markdown_table(aims(table, entries))]
    blocks += [PUBLISHED, markdown_table(published_table(published)), COLUMNS, provenance(table)]
    return "\n\n".join(blocks) + "\n"


def results(table: pd.DataFrame) -> str:
    """Returns the rows as a Markdown table, shares in percent."""
    rows = [{title: cell(row, column) for column, title in TITLES.items()} for _, row in table.iterrows()]
    return markdown_table(pd.DataFrame(rows, columns=list(TITLES.values())))


def kept(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows but for attempts, whose recipe was not kept: the best of them on PrivateTest may be luck."""
    return table[~table["model"].str.contains("attempt")]


def overview(table: pd.DataFrame, entries: Mapping[str, dict[str, Any]]) -> str:
    """Returns the rows of single networks for FER2013's seven classes, but for attempts, for the main README."""
    chosen = kept(table)
    chosen = chosen[chosen["model"].isin(rows_of("network", entries))]
    rows = [
        {
            "recipe": row["model"],
            **{TITLES[column]: cell(row, column) for column in OVERVIEW},
            "training": duration(60 * row["minutes"]),
        }
        for _, row in chosen.iterrows()
    ]
    return markdown_table(pd.DataFrame(rows))


def cell(row: pd.Series, column: str) -> str:
    """Returns the cell of a row as text; a dash for NaN."""
    value = row[column]
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return "–"
    if column == "parameters":
        return count(value)
    if column in SHARES:
        deviation = row.get(DEVIATIONS.get(column, ""), float("nan"))
        spread = "" if pd.isna(deviation) else f" ± {100 * deviation:.1f}"
        return f"{100 * value:.1f}{spread}"
    return f"{value:.2f}" if column == "ms_per_face" else f"{value:.0f}"


def count(parameters: float) -> str:
    """Returns a number of parameters as text; a dash for NaN."""
    if pd.isna(parameters):
        return "–"
    return f"{parameters / 1e6:.2f} M" if parameters >= 100_000 else f"{parameters / 1000:.0f} k"


def aims(table: pd.DataFrame, entries: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """Returns what each of AIMS is today: the best row, its value and seeds, and whether the aim is reached."""
    table, rows = kept(table), []
    for title, kind, most, column, aim in AIMS:
        part = table[table["model"].isin(rows_of(kind, entries)) & (table["parameters"] <= most)]
        best = part.loc[part[column].idxmax()] if len(part) else None
        row = {"measured": title, "aim": f"{aim:.2f}", "today": "–", "reached": "no", "by": "–"}
        if best is not None:
            reached = 100 * best[column] >= aim and len(str(best["seeds"]).split()) >= LEAST_SEEDS
            row |= {"today": f"{100 * best[column]:.2f}", "reached": "yes" if reached else "no"}
            row["by"] = f"{best['model']}, {counted_seeds(best['seeds'])}"
        rows.append(row)
    return pd.DataFrame(rows)


def rows_of(kind: str, entries: Mapping[str, dict[str, Any]]) -> set[str]:
    """Returns the rows of a kind."""
    return {entry["row"] for entry in entries.values() if kind_of(entry) == kind}


def kind_of(entry: Mapping[str, Any]) -> str:
    """Returns "network" or "ensemble" for FER2013's seven classes and labels, otherwise such as "FER+, 8 classes"."""
    if not is_main(entry):
        labels = "FER2013" if entry["votes"] == "none" else "FER+"
        return f"{labels}, {len(entry['classes'])} classes"
    return "network" if len(entry["networks"]) == 1 else "ensemble"


def counted_seeds(seeds: object) -> str:
    """Returns "seed 0" or "seeds 0, 1, 2"."""
    each = str(seeds).split()
    return f"{'seed' if len(each) == 1 else 'seeds'} {', '.join(each)}"


def published_table(published: pd.DataFrame) -> pd.DataFrame:
    """Returns the published figures as they stand in the README."""
    table = published[["system", "accuracy", "parameters", "split", "protocol"]].copy()
    table["parameters"] = published["parameters"].map(count)
    table.insert(4, "clean", published["is_clean"])
    return table.rename(columns={"protocol": "what it is"})


def provenance(table: pd.DataFrame) -> str:
    """Returns the commands, commits and machines of the rows."""
    lines = [
        "## Commands\n\nPATH is where the data, soft labels or own configs lie. [LOG.md](LOG.md) gives the options of "
        "attempts whose experiment is not in `conf/`."
    ]
    for _, row in table.iterrows():
        where = f"{counted_seeds(row['seeds'])}; commit {row['commit']}; {row['hardware']}"
        lines.append(f"**{row['model']}** ({where}):\n\n```\n" + str(row["command"]).replace("; ", "\n") + "\n```")
    return "\n\n".join(lines)


def figures(
    table: pd.DataFrame, entries: Mapping[str, dict[str, Any]], published: pd.DataFrame, times: Mapping[str, float]
) -> dict[str, Figure]:
    """Returns the figures by name, accuracy against parameters and against milliseconds a face, if any are known."""
    main = kept(table)
    main = main[main["model"].isin({entry["row"] for entry in entries.values() if is_main(entry)})]
    ours, theirs = ["ours"] * len(main), kinds(published)
    axes = {
        "parameters": ("parameters", main["parameters"], published["parameters"]),
        "milliseconds": (MILLISECONDS, main["ms_per_face"], published["system"].map(times)),
    }
    drawn = {}
    for name, (title, our_costs, their_costs) in axes.items():
        dots = points(main["model"], our_costs, 100 * main["test_accuracy"], ours)
        dots += points(published["label"], their_costs, published["accuracy"], theirs)
        if dots:
            drawn[name] = pareto_figure(dots, title, "accuracy on PrivateTest, %")
    return drawn


def kinds(published: pd.DataFrame) -> list[str]:
    return ["published, clean" if clean == "yes" else "published, not comparable" for clean in published["is_clean"]]


def points(names: Any, costs: Any, accuracies: Any, kinds: list[str]) -> list[Point]:
    """Returns the points whose cost is known."""
    rows = zip(names, costs, accuracies, kinds, strict=True)
    return [Point(str(name), float(x), float(y), kind) for name, x, y, kind in rows if not pd.isna(x)]
