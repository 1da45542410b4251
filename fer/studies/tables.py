"""Tables of runs: means over seeds, published figures, hardware and commands."""

import math
import shlex
from collections.abc import Iterable, Sequence

import pandas as pd

from fer.console import counted, duration
from fer.data.emotions import EMOTIONS
from fer.report import markdown_table
from fer.studies.factors import titles
from fer.studies.records import Run

FIGURES = ("train/accuracy", "val/accuracy", "val/balanced_accuracy", "val/macro_f1")
TEST_FIGURES = ("test/accuracy", "test/balanced_accuracy", "test/macro_f1")
JUDGING = FIGURES[1:]
"""Figures of validation by which runs may be compared: the larger the better."""
Studies = dict[str, list[Run]]


def summarise(study: str, runs: list[Run], with_test: bool) -> pd.DataFrame:
    """One row for each configuration: mean and standard deviation of its finished runs, in percent and minutes."""
    rows = []
    figures = FIGURES + (TEST_FIGURES if with_test else ())
    title = titles(runs)
    for name, mine in by_name(runs).items():
        done = finished(mine)
        row = {"study": study, "run": title[name], "data": data_title(mine[0]), "runs": len(done)}
        row["not finished"] = len(mine) - len(done)
        for figure in figures:
            row[figure] = spread([100 * run[figure] for run in done if figure in run])  # a search's runs have no test
        row["minutes (median)"] = minutes(done)
        row["images/s (median)"] = speed(done)
        rows.append(row)
    return pd.DataFrame(rows)


def compare(studies: Studies, claims: pd.DataFrame, with_test: bool) -> pd.DataFrame:
    """One row for each configuration of all studies, what its system reported in the column beside our figures."""
    rows = []
    figures = ("train/accuracy", "val/accuracy", "test/accuracy")[: 3 if with_test else 2]
    machines = machine_letters(studies)
    for study, name, runs in configurations(studies):
        row = {"study": study, "run": name, "data": "; ".join(dict.fromkeys(map(comparability, runs)))}
        row["seeds"] = seeds(runs)
        for figure in figures:
            row[figure] = spread([100 * run[figure] for run in runs if figure in run])
        row["reported"] = "; ".join(filter(None, (claim(claims, study, figure) for figure in figures))) or "–"
        row["minutes (median)"] = minutes(runs, machines)
        epochs = sorted(run["epochs"] for run in runs)
        row["epochs"] = "–".join(dict.fromkeys(map(str, (epochs[0], epochs[-1]))))
        rows.append(row)
    return pd.DataFrame(rows)


def overview(studies: Studies, with_test: bool) -> pd.DataFrame:
    """A README's table: of each study the configuration that is best in validation on the official split."""
    splits = {"val": "PublicTest", "test": "PrivateTest"} if with_test else {"val": "PublicTest"}
    rows = []
    for study, runs in studies.items():
        best = best_of(runs)
        if not best[0]["data"]["official_split"]:
            continue
        row = {"recipe": study, "classes": len(best[0]["data"]["counts"]["train"])}
        row["parameters"] = f"{best[0]['parameters'] / 1e6:.2f} M" if "parameters" in best[0] else "–"
        for split, title in splits.items():
            row[title] = spread([100 * run[f"{split}/accuracy"] for run in best if f"{split}/accuracy" in run])
        row["training"] = duration(pd.Series([run["fit_seconds"] for run in best]).median())
        rows.append(row)
    return pd.DataFrame(rows)


def per_emotion(studies: Studies, claims: pd.DataFrame, split: str) -> pd.DataFrame:
    """Recall of each class like `compare`; in brackets what the system reported."""
    rows = []
    there = dict.fromkeys(name for runs in studies.values() for run in runs for name in run["data"]["counts"]["train"])
    classes = [name for name in EMOTIONS if name in there] + [name for name in there if name not in EMOTIONS]
    for study, run_name, runs in configurations(studies):
        row = {"study": study, "run": run_name}
        for name in classes:
            figure = f"{split}/accuracy/{name}"
            stated = " / ".join(_claims(claims, study, figure)["value"])
            ours = spread([100 * run[figure] for run in runs if figure in run])
            row[name] = f"{ours} ({stated})" if stated else ours
        rows.append(row)
    return pd.DataFrame(rows)


def per_run(runs: list[Run], with_test: bool) -> pd.DataFrame:
    """One row a run, shares in [0, 1]: what the table was made of."""
    figures = FIGURES + (TEST_FIGURES if with_test else ())
    names = ("name", "status", *figures, "epochs", "fit_seconds", "parameters", "identity", "commit")
    return pd.DataFrame([{"seed": run["config"]["seed"], **{name: run.get(name) for name in names}} for run in runs])


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table, columns without content left out."""
    table = table.loc[:, [column for column in table if column != "not finished" or table[column].any()]]
    return f"{markdown_table(table)}\n"


def by_name(runs: list[Run]) -> dict[str, list[Run]]:
    return {name: [run for run in runs if run["name"] == name] for name in dict.fromkeys(run["name"] for run in runs)}


def configurations(studies: Studies) -> list[tuple[str, str, list[Run]]]:
    """(study, name, its runs), a row of the tables each."""
    return [(study, name, mine) for study, runs in studies.items() for name, mine in by_name(runs).items()]


def finished(runs: list[Run]) -> list[Run]:
    return [run for run in runs if run["status"] == "finished"]


def monitor(run: Run) -> str:
    """The figure that its best epoch was chosen by."""
    return (run["config"].get("callbacks", {}).get("checkpoint") or run["config"])["monitor"]


def judged_by(runs: list[Run]) -> str:
    """The figure that the best epochs of all runs were chosen by, if it is one of JUDGING, else accuracy."""
    monitors = {monitor(run) for run in runs}
    return monitors.pop() if len(monitors) == 1 and monitors <= set(JUDGING) else JUDGING[0]


def comparable(runs: list[Run]) -> list[Run]:
    """The runs on an official split, or all where none is: those on splits of their own compare with no others."""
    return [run for run in runs if run["data"]["official_split"]] or runs


def best_of(runs: list[Run]) -> list[Run]:
    """The comparable runs of the configuration whose mean over seeds is best in validation."""
    runs = comparable(runs)
    best = pd.DataFrame(runs).groupby("name")[judged_by(runs)].mean().idxmax()
    return [run for run in runs if run["name"] == best]


def spread(values: Sequence[float]) -> str:
    """`64.4 ± 0.3`; one value alone has no deviation; a dash for none."""
    if not values:
        return "–"
    series = pd.Series(values)
    return f"{series.mean():.1f} ± {series.std():.1f}" if len(values) > 1 else f"{series.mean():.1f}"


def seeds(runs: list[Run]) -> str:
    return ", ".join(str(seed) for seed in sorted({run["config"]["seed"] for run in runs}))


def minutes(runs: list[Run], machines: dict[str, str] | None = None) -> str:
    """Median of the fits; where `machines` gives letters to several, one median for each."""
    times: dict[str, list[float]] = {}
    for run in runs:
        letter = f" ({machines[machine(run)]})" if machines and len(machines) > 1 else ""
        times.setdefault(letter, []).append(run["fit_seconds"] / 60)
    return ", ".join(f"{pd.Series(some).median():.1f}{letter}" for letter, some in sorted(times.items())) or "–"


def speed(runs: list[Run]) -> str:
    """Training images a second of the fits, validation and all else included: median."""
    speeds = [run["epochs"] * sum(run["data"]["counts"]["train"].values()) / run["fit_seconds"] for run in runs]
    return f"{pd.Series(speeds).median():,.0f}" if speeds else "–"


def machine(run: Run) -> str:
    """Its processors, threads and system in words."""
    known = dict(run["hardware"])
    threads = known.get("threads")
    known["threads"] = threads and counted(threads, "thread")
    return ", ".join(str(value) for value in known.values() if value)


def machine_letters(studies: Studies) -> dict[str, str]:
    """A, B, … for the machines that the runs were made on."""
    machines = dict.fromkeys(machine(run) for runs in studies.values() for run in runs)
    return {name: chr(ord("A") + index) for index, name in enumerate(machines)}


def claim(claims: pd.DataFrame, study: str, figure: str) -> str:
    """`test 67.7 (note), test 68 (note)`; a claim without a value is its note."""
    split = figure.partition("/")[0]
    stated = _claims(claims, study, figure)[["value", "note"]].to_numpy()
    return ", ".join(f"{split} {value}{f' ({note})' * bool(note)}" if value else note for value, note in stated)


def _claims(claims: pd.DataFrame, study: str, figure: str) -> pd.DataFrame:
    return claims[(claims["study"] == study) & (claims["figure"] == figure)]


def data_title(run: Run) -> str:
    data = run["data"]
    classes = f"{len(data['counts']['train'])} classes"
    if is_synthetic(run):
        return f"synthetic faces, {classes}"
    return f"{data['origin']}, {classes}, {'official split' if data['official_split'] else 'own split'}"


def comparability(run: Run) -> str:
    """`data_title` with the images in each split; says of any split but FER2013's that it compares with nothing."""
    images = " / ".join(str(sum(counts.values())) for counts in run["data"]["counts"].values())
    title = data_title(run)
    if not run["data"]["official_split"] or is_synthetic(run):
        title = f"{title.removesuffix(', own split')}, not comparable: own split"
    return f"{title}, {images} images"


def is_synthetic(run: Run) -> bool:
    return run["data"]["layout"].startswith("synthetic")


def commands(runs: Iterable[Run]) -> list[str]:
    """What was typed, each once; as a sweep those with the same options that are all combinations of some values."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for line in dict.fromkeys(filter(None, (run.get("command") for run in runs))):
        alike.setdefault(tuple(word.partition("=")[0] for word in shlex.split(line)), []).append(line)
    return [line for typed in alike.values() for line in as_sweep(typed) or typed]


def as_sweep(typed: list[str]) -> list[str]:
    """The one command line with -m that starts what the command lines `typed` start; empty where there is none."""
    words = [shlex.split(line) for line in typed]
    start = ["python", "-m", "fer.train"]
    options = [dict(word.split("=", 1) for word in line[3:] if "=" in word) for line in words]
    same = all(line[:3] == start and list(of) == list(options[0]) for line, of in zip(words, options, strict=True))
    if len(typed) < 2 or not same or any(len(of) < len(line) - 3 for line, of in zip(words, options, strict=True)):
        return []
    values = {name: list(dict.fromkeys(of[name] for of in options)) for name in options[0]}
    if math.prod(map(len, values.values())) != len(typed):
        return []
    return [shlex.join([*start, "-m", *(f"{name}={','.join(some)}" for name, some in values.items())])]


def provenance(runs: list[Run]) -> str:
    """Seeds, commits, hardware and versions of the runs in one line."""
    commits = sorted({str(run.get("commit")) for run in runs})
    libraries = sorted({f"torch {run['versions']['torch']}, lightning {run['versions']['lightning']}" for run in runs})
    precisions = sorted({run["resolved"]["precision"] for run in runs})
    return (
        f"Seeds {seeds(runs)}; commit {', '.join(commits)}; {'; '.join(libraries)}; "
        f"{'; '.join(precisions)}; hardware: {'; '.join(sorted(set(map(machine, runs))))}. "
        f"Data fingerprint {', '.join(sorted({run['data']['fingerprint'] for run in runs}))}.\n"
    )


def provenance_by_machine(studies: Studies) -> str:
    """A list with one line a machine: which runs it made, then their `provenance`."""
    lines = []
    for name, letter in machine_letters(studies).items():
        here = {study: [run for run in runs if machine(run) == name] for study, runs in studies.items()}
        made = [f"{study} `{run}` (seeds {seeds(mine)})" for study, run, mine in configurations(here)]
        everything = [run for runs in here.values() for run in runs]
        lines.append(f"- {letter}: {', '.join(made)}. {provenance(everything)}")
    return "".join(lines)
