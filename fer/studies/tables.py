"""Tables of a study: means over seeds, recall by emotion, and one row for each run."""

import statistics
from collections.abc import Sequence

import pandas as pd

from fer.commandline import hyperparameters
from fer.console import duration
from fer.data.emotions import EMOTIONS
from fer.evaluation.formatting import SPLIT_TITLES, figure_title
from fer.report import markdown_table
from fer.studies.claims import claim_text, claims_of
from fer.studies.factors import configuration_titles, titles
from fer.studies.provenance import machine, machine_letters, seeds
from fer.studies.run_names import Run
from fer.studies.selection import Studies, best_of, by_name, configurations, finished

FIGURES = ("train/accuracy", "val/accuracy", "val/balanced_accuracy", "val/macro_f1")
TEST_FIGURES = ("test/accuracy", "test/balanced_accuracy", "test/macro_f1")


def summarise(study: str, runs: list[Run], with_test: bool) -> pd.DataFrame:
    """Returns one row for each configuration: mean ± standard deviation of its finished runs, in percent."""
    title = titles(runs)
    rows = []
    for name, group in by_name(runs).items():
        done = finished(group)
        row = {"study": study, "run": title[name], "data": data_title(group[0]), "runs": len(done)}
        row["not finished"] = len(group) - len(done)
        for figure in FIGURES + (TEST_FIGURES if with_test else ()):
            row[figure] = mean_and_spread(done, figure)
        row["minutes (median)"] = minutes(done)
        row["images/s (median)"] = speed(done)
        rows.append(row)
    return pd.DataFrame(rows)


def compare(studies: Studies, claims: pd.DataFrame, with_test: bool) -> pd.DataFrame:
    """Returns one row for each configuration of all studies, with the figures that its system reported."""
    figures = ["train/accuracy", "val/accuracy", *(["test/accuracy"] if with_test else [])]
    machines, title = machine_letters(studies), configuration_titles(studies)
    rows = []
    for study, name, runs in configurations(studies):
        row = {"run": title[study, name], "data": "; ".join(dict.fromkeys(map(data_title_with_counts, runs)))}
        row["seeds"] = seeds(runs)
        for figure in figures:
            row[figure] = mean_and_spread(runs, figure)
        reported = [claim_text(claims, study, figure) for figure in figures]
        row["reported"] = "; ".join(text for text in reported if text) or "–"
        row["minutes (median)"] = minutes(runs, machines)
        epochs = sorted({run["epochs"] for run in runs})
        row["epochs"] = str(epochs[0]) if len(epochs) == 1 else f"{epochs[0]}–{epochs[-1]}"
        rows.append(row)
    return pd.DataFrame(rows)


def overview(studies: Studies, with_test: bool) -> pd.DataFrame:
    """Returns the table of the README: the best configuration by validation of each study on the official split."""
    splits = {"val": "PublicTest", **({"test": "PrivateTest"} if with_test else {})}
    rows = []
    for study, runs in studies.items():
        best = best_of(runs)
        if not best[0]["data"]["official_split"]:
            continue
        row = {"recipe": study, "classes": len(best[0]["data"]["counts"]["train"])}
        row["parameters"] = f"{best[0]['parameters'] / 1e6:.2f} M" if "parameters" in best[0] else "–"
        for split, title in splits.items():
            row[title] = mean_and_spread(best, f"{split}/accuracy")
        row["training"] = duration(pd.Series([run["fit_seconds"] for run in best]).median())
        rows.append(row)
    return pd.DataFrame(rows)


def per_emotion(studies: Studies, claims: pd.DataFrame, split: str) -> pd.DataFrame:
    """Returns the recall of each class and configuration, in percent; in brackets what its system reported."""
    names = dict.fromkeys(name for runs in studies.values() for run in runs for name in run["data"]["counts"]["train"])
    classes = [name for name in EMOTIONS if name in names] + [name for name in names if name not in EMOTIONS]
    rows, title = [], configuration_titles(studies)
    for study, run_name, runs in configurations(studies):
        row = {"run": title[study, run_name]}
        for name in classes:
            figure = f"{split}/accuracy/{name}"
            reported = " / ".join(claims_of(claims, study, figure)["value"])
            row[name] = mean_and_spread(runs, figure) + (f" ({reported})" if reported else "")
        rows.append(row)
    return pd.DataFrame(rows)


def per_run(runs: list[Run], with_test: bool) -> pd.DataFrame:
    """Returns one row for each run: its options, figures as shares in [0, 1], and where they come from."""
    figures = FIGURES + (TEST_FIGURES if with_test else ())
    names = ("status", *figures, "epochs", "fit_seconds", "parameters", "identity", "commit", "command")
    rows = []
    for run in runs:
        row = {"name": run["name"], "seed": run["config"]["seed"], **hyperparameters(run.get("command") or "")}
        row |= {name: run.get(name) for name in names}
        row |= {"machine": machine(run), **{name: run.get("versions", {}).get(name) for name in ("torch", "lightning")}}
        rows.append(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """Returns a Markdown table with figures named in words, without the column "not finished" if all runs finished."""
    if "not finished" in table and not table["not finished"].any():
        table = table.drop(columns="not finished")
    figures = {name: figure_title(name) for name in table.columns if name.split("/")[0] in SPLIT_TITLES}
    return f"{markdown_table(table.rename(columns=figures))}\n"


def mean_and_spread(runs: Sequence[Run], figure: str) -> str:
    """Returns `64.4 ± 0.3`, in percent, over the runs that have the figure; `64.4` of one run, `–` of none."""
    values = [100 * run[figure] for run in runs if figure in run]
    if not values:
        return "–"
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def minutes(runs: list[Run], machines: dict[str, str] | None = None) -> str:
    """Returns the median minutes of the fits; of several machines, by the letters in `machines`, one median each."""
    times: dict[str, list[float]] = {}
    for run in runs:
        letter = f" ({machines[machine(run)]})" if machines and len(machines) > 1 else ""
        times.setdefault(letter, []).append(run["fit_seconds"] / 60)
    medians = [f"{pd.Series(values).median():.1f}{letter}" for letter, values in sorted(times.items())]
    return ", ".join(medians) or "–"


def speed(runs: list[Run]) -> str:
    """Returns the median of training images per second, validation included, of the fits that took 0.1 s or more."""
    speeds = [
        run["epochs"] * sum(run["data"]["counts"]["train"].values()) / run["fit_seconds"]
        for run in runs
        if run["fit_seconds"] > 0  # rounded to a tenth of a second
    ]
    return f"{pd.Series(speeds).median():,.0f}" if speeds else "–"


def data_title(run: Run) -> str:
    """Returns data, number of classes and kind of split in words."""
    data = run["data"]
    classes = f"{len(data['counts']['train'])} classes"
    if is_synthetic(run):
        return f"synthetic faces, {classes}"
    return f"{data['origin']}, {classes}, {'official split' if data['official_split'] else 'own split'}"


def data_title_with_counts(run: Run) -> str:
    """Returns `data_title` with the images of each split; splits other than FER2013's are marked not comparable."""
    images = " / ".join(f"{sum(counts.values()):,}" for counts in run["data"]["counts"].values())
    title = data_title(run)
    if not run["data"]["official_split"] or is_synthetic(run):
        title = f"{title.removesuffix(', own split')}, not comparable: own split"
    return f"{title}, {images} images"


def is_synthetic(run: Run) -> bool:
    return run["data"]["layout"].startswith("synthetic")
