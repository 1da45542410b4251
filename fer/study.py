"""Turns the finished runs of studies into tables.

    python -m fer.study onecycle_light --with-test
    python -m fer.study first_run onecycle_light --with-test --readme README.md

Writes experiments/<study>/: README.md (commands, table, hardware, commit), results.csv, and every run's predictions as
.csv.gz; with --with-test also the best configuration's confusion.png and, of synthetic faces, faces.png. --readme puts
one table of all the studies between the `<!-- results -->` marks of that file.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from fer import config
from fer.errors import UserError

FIGURES = ("train/accuracy", "val/accuracy", "val/balanced_accuracy", "val/macro_f1")
TEST_FIGURES = ("test/accuracy", "test/balanced_accuracy", "test/macro_f1")
MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """metrics.json of every run below `folder`, with its `folder` and its `name`: what differs, without the seed.

    Of runs that were repeated (`seed-0`, `seed-0-2`) the last one that finished counts, or else the last.
    """
    found = sorted(folder.glob("**/metrics.json"))
    if not found:
        raise UserError(f"{folder}: no finished run (metrics.json) below it; give the name of a study in runs/")
    runs = [{"folder": path.parent, **json.loads(path.read_text())} for path in found]
    runs = [{"name": run["folder"].parent.relative_to(folder).as_posix(), **run} for run in runs]
    runs.sort(key=lambda run: (run["status"] == "finished", run["folder"].stat().st_mtime))
    last = {(run["name"], run["config"]["seed"]): run for run in runs}
    return sorted(last.values(), key=lambda run: (run["name"], run["config"]["seed"]))


def summarise(study: str, runs: list[dict[str, Any]], with_test: bool) -> pd.DataFrame:
    """One row for each configuration: mean and standard deviation of its finished runs, in percent and minutes."""
    rows = []
    figures = FIGURES + (TEST_FIGURES if with_test else ())
    for name in dict.fromkeys(run["name"] for run in runs):
        mine = [run for run in runs if run["name"] == name]
        done = [run for run in mine if run["status"] == "finished"]
        row = {"study": study, "run": name, "data": data_title(mine[0]), "runs": len(done)}
        row["not finished"] = len(mine) - len(done)
        for figure in figures:
            row[figure] = spread([100 * run[figure] for run in done])
        minutes = [run["fit_seconds"] / 60 for run in done]
        row["minutes (median)"] = f"{pd.Series(minutes).median():.1f}" if minutes else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def per_run(runs: list[dict[str, Any]], with_test: bool) -> pd.DataFrame:
    """One row a run, shares in [0, 1]: what the table was made of."""
    figures = FIGURES + (TEST_FIGURES if with_test else ())
    names = ("name", "status", *figures, "epochs", "fit_seconds", "parameters", "identity", "commit")
    return pd.DataFrame([{"seed": run["config"]["seed"], **{name: run.get(name) for name in names}} for run in runs])


def spread(values: list[float]) -> str:
    """`64.4 ± 0.3`; one value alone has no deviation; a dash for none."""
    if not values:
        return "–"
    series = pd.Series(values)
    return f"{series.mean():.1f} ± {series.std():.1f}" if len(values) > 1 else f"{series.mean():.1f}"


def data_title(run: dict[str, Any]) -> str:
    data = run["data"]
    classes = f"{len(data['counts']['train'])} classes"
    if is_synthetic(run):
        return f"synthetic faces, {classes}"
    source = "own pictures" if run["config"]["data"]["source"] == "folder" else "FER2013"
    return f"{source}, {classes}, {'official split' if data['official_split'] else 'own split'}"


def is_synthetic(run: dict[str, Any]) -> bool:
    return run["data"]["layout"].startswith("synthetic")


def markdown(table: pd.DataFrame) -> str:
    """A Markdown table, columns without content left out."""
    table = table.loc[:, [column for column in table if column != "not finished" or table[column].any()]]
    lines = [list(table.columns), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def commands(runs: list[dict[str, Any]]) -> list[str]:
    """What was typed, each once, without the places of this machine."""
    typed = (re.sub(r"(data\.root|output_dir)=\S+", r"\1=PATH", run.get("command") or "") for run in runs)
    return list(dict.fromkeys(filter(None, typed)))


def provenance(runs: list[dict[str, Any]]) -> str:
    """Seeds, commits, hardware and versions of the runs, a line each."""
    commits = sorted({str(run.get("commit")) for run in runs})
    machines = sorted({" ".join(str(v) for v in run["hardware"].values() if v) for run in runs})
    libraries = sorted({f"torch {run['versions']['torch']}, lightning {run['versions']['lightning']}" for run in runs})
    seeds = sorted({run["config"]["seed"] for run in runs})
    precisions = sorted({run["resolved"]["precision"] for run in runs})
    return (
        f"Seeds {', '.join(map(str, seeds))}; commit {', '.join(commits)}; {'; '.join(libraries)}; "
        f"{'; '.join(precisions)}; hardware (threads): {'; '.join(machines)}. "
        f"Data fingerprint {', '.join(sorted({run['data']['fingerprint'] for run in runs}))}.\n"
    )


def write_study(study: str, runs: list[dict[str, Any]], table: pd.DataFrame, out: Path, with_test: bool) -> None:
    """README.md, results.csv, predictions and, with the test split, confusion.png into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    rule = "Percent, mean ± standard deviation over seeds; the best epoch was chosen on the validation split."
    if any(run["data"]["official_split"] for run in runs):
        rule += " On FER2013's official split val is PublicTest and test is PrivateTest."
    shown = (
        "```\n" + "\n".join([*commands(runs), f"python -m fer.study {study}{' --with-test' * with_test}"]) + "\n```\n"
    )
    parts = [f"# {study}\n", shown, rule + "\n", markdown(table.drop(columns="study")), provenance(runs)]
    done = [run for run in runs if run["status"] == "finished"]
    for run in done:
        name = f"{run['name']}-seed-{run['config']['seed']}.csv.gz"
        pd.read_csv(run["folder"] / "predictions.csv").to_csv(out / name, index=False)
    if with_test and done:
        parts += pictures(done, out)
    (out / "README.md").write_text("\n".join(parts))
    per_run(runs, with_test).to_csv(out / "results.csv", index=False)


def pictures(runs: list[dict[str, Any]], out: Path) -> list[str]:
    """Draws the configuration that is best in validation: its confusion matrix over all seeds, and drawn faces."""
    from fer.plots import confusion_figure

    best = pd.DataFrame(runs).groupby("name")["val/accuracy"].mean().idxmax()
    mine = [run for run in runs if run["name"] == best]
    table = pd.concat(pd.read_csv(run["folder"] / "predictions.csv") for run in mine)
    classes = list(table.columns[4:])
    test = table[table["split"] == "test"]
    counts = pd.crosstab(test["true"], test["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
    title = f"test, {len(mine)} runs, accuracy {100 * (test['true'] == test['predicted']).mean():.1f} %"
    confusion_figure(counts.to_numpy(), classes, title).savefig(out / "confusion.png")
    shown = [f"`{best}`, the best in validation:\n", "![confusion matrix](confusion.png)\n"]
    if is_synthetic(mine[0]):  # photographs stay where they are
        shutil.copy(mine[0]["folder"] / "faces.png", out)
        shown.append("![synthetic test faces with predicted and true labels](faces.png)\n")
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", help="folders below --runs")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("experiments"))
    parser.add_argument("--with-test", action="store_true", help="show the test split as well; never select by it")
    parser.add_argument("--readme", type=Path, help="file with <!-- results --> marks to fill")
    args = parser.parse_args()
    tables = []
    for study in args.studies:
        runs = read_runs(args.runs / study)
        tables.append(summarise(study, runs, args.with_test))
        write_study(study, runs, tables[-1], args.out / study, args.with_test)
        print(f"wrote {args.out / study}/: README.md, results.csv, predictions of {len(runs)} runs")
    everything = pd.concat(tables)
    if args.readme:
        fill(args.readme, markdown(everything))
    print(f"next: read {args.out / args.studies[0] / 'README.md'}")


def fill(readme: Path, table: str) -> None:
    text, count = MARKS.subn(lambda marks: f"{marks[1]}{table}{marks[2]}", readme.read_text())
    if not count:
        raise UserError(f"{readme}: no <!-- results --> … <!-- end of results --> to fill; add these two lines")
    readme.write_text(text)
    print(f"wrote the table of results into {readme}")


if __name__ == "__main__":
    with config.one_line_errors():
        sys.exit(main())
