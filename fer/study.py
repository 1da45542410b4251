"""Writes tables and reports from the finished runs of studies.

    python -m fer.study onecycle_light --with-test
    python -m fer.study first_run onecycle_light --with-test --readme README.md
    python -m fer.study two_convs four_emotions class_weights --together baselines --with-test
    python -m fer.study --index

Stores the records of the runs in experiments/<study>/runs.jsonl.gz, without the paths of this machine, and writes the
report from this file alone, so runs may come from several machines and runs/ may be deleted. `zcat runs.jsonl.gz` shows
the records. The report is README.md and results.csv, one row for each run with all its options. Where options differ
between the runs, README.md compares their levels by paired tests (more than 30: in pairs.csv) and shows two figures.
--with-test adds the columns of the test split; choose by validation first.

experiments/studies.yaml holds a question and an answer for each study, which open its README.md; notes.md in the
study's folder follows the tables. --index writes the table in experiments/README.md from studies.yaml.

--together NAME makes one report of several studies in experiments/NAME/: one table, the accuracy of each emotion, a
confusion matrix for each configuration, and the predictions of its first seed. experiments/NAME/reported.csv (study,
figure, value, note) holds what others reported. --readme puts the table between the `<!-- results -->` marks of a file.
"""

import argparse
import difflib
import shutil
import sys
from pathlib import Path

import pandas as pd

from fer import config, places
from fer.arguments import place as path_argument
from fer.console import counted
from fer.errors import UserError
from fer.files import atomic, save_figure, write_text
from fer.studies.claims import read_claims
from fer.studies.provenance import commands, provenance, provenance_by_machine
from fer.studies.records import Run, read_runs, read_stored, store, total_confusion
from fer.studies.selection import Studies, best_of, configurations, finished, monitor
from fer.studies.summaries import fill_marks, index_table, read_summary
from fer.studies.tables import compare, is_synthetic, markdown, overview, per_emotion, per_run, summarise

NOTES = "notes.md"


def collect(studies: list[str], runs: Path, place: Path, together: bool) -> Studies:
    """Stores the runs of the studies in `place`, and returns all runs that are stored there.

    together: whether only finished runs count, and predictions are stored. Raises UserError for an unknown study.
    """
    new = {study: read_runs(runs / study) for study in studies}
    if together:
        new = {study: finished(group) for study, group in new.items()}
    for study, group in new.items():
        if not group and not read_stored(place / study):
            raise UserError(unknown_study(study, runs, place))
    for study, group in new.items():
        store(group, place / study, with_predictions=together)
    stored = {study: read_stored(place / study) for study in studies}
    if together:
        stored = {study: finished(group) for study, group in stored.items()}
    for study, group in stored.items():
        if not group:
            raise UserError(f"{study}: none of its runs can be read; train them again")
    return stored


def unknown_study(study: str, runs: Path, place: Path) -> str:
    """Returns the message for a study without runs, with the name that was probably meant."""
    names = {path.name for base in (runs, place) if base.is_dir() for path in base.iterdir() if path.is_dir()}
    close = difflib.get_close_matches(study, names - {study}, n=1)
    hint = f"did you mean {close[0]}?" if close else "give the name of a study in runs/"
    return f"{study}: no finished run in {runs / study}/, and none stored in {place / study}/; {hint}"


def write_study(study: str, runs: list[Run], table: pd.DataFrame, out: Path, with_test: bool, source: Path) -> None:
    """Writes README.md, results.csv and figures into `out`. source: the folder of the study's runs."""
    done = finished(runs)
    conclusion: list[str] = []
    if done:
        from fer.studies.conclusions import conclude  # imports matplotlib and SciPy, after all names were checked

        conclusion = conclude(runs, out)
    if with_test and not conclusion:
        conclusion = best_figures([run for run in done if "test/accuracy" in run], out, source)
    parts = [
        f"# {study}\n",
        read_summary(out).text,
        explanation(runs, "The best epoch was chosen on the validation split."),
        markdown(table.drop(columns="study")),
        "" if with_test else "The test split is not shown; choose by validation, then `--with-test`.\n",
        *conclusion,
        read_notes(out),
        "## Commands and machines\n",
        commands_block(commands(runs), f"{study} --with-test" if with_test else study),
        provenance(runs),
    ]
    write_text(out / "README.md", "\n".join(part for part in parts if part))
    write_results(per_run(runs, with_test), out)


def write_together(name: str, studies: Studies, table: pd.DataFrame, claims: pd.DataFrame, out: Path) -> None:
    """Writes README.md, results.csv and a confusion matrix for each row of `table` into `out`."""
    with_test = "test/accuracy" in table
    split = "test" if with_test else "val"
    runs = [run for group in studies.values() for run in group]
    monitors = " or ".join(sorted({monitor(run) for run in runs}))
    arguments = f"{' '.join(studies)} --together {name}"
    parts = [
        f"# {name}\n",
        read_summary(out).text,
        explanation(
            runs,
            f"The best epoch was chosen by {monitors}; train: without augmentation. Images: train / val / test. "
            "Reported: by the system itself. Minutes: of the fit; a letter names the machine (see the end).",
        ),
        markdown(table),
        f"## Accuracy of each emotion on {split}\n",
        "The share of an emotion's images that were recognised (recall), in percent; in brackets what was reported.\n",
        markdown(per_emotion(studies, claims, split)),
        f"## Confusion matrices on {split}, over all seeds\n",
        *confusion_matrices(studies, split, out),
        read_notes(out),
        "## Commands and machines\n",
        commands_block(
            [line for group in studies.values() for line in commands(group)],
            f"{arguments} --with-test" if with_test else arguments,
        ),
        provenance_by_machine(studies),
    ]
    write_text(out / "README.md", "\n".join(part for part in parts if part))
    tables = [per_run(group, with_test).assign(study=study) for study, group in studies.items()]
    write_results(pd.concat(tables).set_index("study").reset_index(), out)


def write_results(table: pd.DataFrame, out: Path) -> None:
    with atomic(out / "results.csv") as file:
        table.to_csv(file, index=False)


def read_notes(out: Path) -> str:
    return (out / NOTES).read_text(encoding="utf-8") if (out / NOTES).is_file() else ""


def commands_block(trained: list[str], arguments: str) -> str:
    """Returns the commands of training and of the report as a block."""
    return "\n".join(["```", *trained, f"python -m fer.study {arguments}", "```", ""])


def explanation(runs: list[Run], details: str) -> str:
    """Returns the sentences that explain the table."""
    text = f"Percent, mean ± standard deviation over seeds. {details}"
    if any(run["data"]["official_split"] for run in runs):
        text += " On FER2013's official split val is PublicTest and test is PrivateTest."
    return f"{text}\n"


def confusion_matrices(studies: Studies, split: str, out: Path) -> list[str]:
    """Draws the confusion matrix of each configuration into `out`; returns the Markdown that shows them."""
    parts = []
    for study, run_name, runs in configurations(studies):
        picture = f"{study}-{run_name}.png".replace("/", ",")
        if draw_confusion(runs, split, out / picture, dpi=80):
            parts.append(f"{study}, `{run_name}`:\n\n![confusion matrix]({picture})\n")
    return parts


def best_figures(runs: list[Run], out: Path, source: Path) -> list[str]:
    """Draws the confusion matrix of the configuration that is best by validation, and copies its drawn faces."""
    if not runs:
        return []
    best = best_of(runs)
    parts = []
    if draw_confusion(best, "test", out / "confusion.png"):
        parts = [f"`{best[0]['name']}`, the best by validation:\n", "![confusion matrix](confusion.png)\n"]
    if is_synthetic(best[0]):  # pictures of people are not copied
        copy_faces(best, out, source)
        if (out / "faces.png").is_file():
            parts.append("![drawn test faces with predicted and true labels](faces.png)\n")
    return parts


def copy_faces(runs: list[Run], out: Path, source: Path) -> None:
    """Copies faces.png of one of the runs, where its folder below `source` is still there."""
    identities = {run.get("identity") for run in runs}
    for run in read_runs(source):
        sheet = run["predictions"].with_name("faces.png")
        if run.get("identity") in identities and sheet.is_file():
            shutil.copy(sheet, out)
            return


def draw_confusion(runs: list[Run], split: str, path: Path, dpi: int | str = "figure") -> bool:
    """Draws one matrix over the predictions of all `runs`; returns whether any run has stored counts."""
    from fer.plots import confusion_figure

    total = total_confusion(runs, split)
    if total is None:
        return False
    classes, counts = total
    title = f"{split}, {counted(len(runs), 'run')}, accuracy {100 * counts.trace() / counts.sum():.1f} %"
    save_figure(confusion_figure(counts, classes, title), path, colours=256, dpi=dpi)
    return True


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="*", help="folders below --runs or, of stored runs, below --out")
    parser.add_argument("--runs", type=path_argument("--runs"), default=places.RUNS)
    parser.add_argument("--out", type=path_argument("--out"), default=Path("experiments"))
    parser.add_argument("--together", metavar="NAME", help="one report of all the studies in NAME below --out")
    parser.add_argument("--with-test", action="store_true", help="show the test split as well; never select by it")
    parser.add_argument("--readme", type=path_argument("--readme"), help="file with <!-- results --> marks to fill")
    parser.add_argument("--index", action="store_true", help="write the table of all studies in README.md of --out")
    args = parser.parse_args(arguments)
    if not args.studies and not args.index:
        raise UserError("name one or more studies, or give --index")
    if places.LATEST in args.studies:
        raise UserError(f"{places.LATEST} stands for the newest run; name a study, or python -m fer.evaluate latest")
    if args.studies:
        write_reports(args)
    if args.index:
        fill_marks(args.out / "README.md", index_table(args.out), "studies")


def write_reports(args: argparse.Namespace) -> None:
    """Writes one report for each study, or one for all of them with --together, and the table of --readme."""
    place = args.out / (args.together or "")
    studies = collect(args.studies, args.runs, place, together=bool(args.together))
    if args.together:
        claims = read_claims(place / "reported.csv")
        table = compare(studies, claims, args.with_test)
        write_together(args.together, studies, table, claims, place)
        print(f"wrote {place}/: README.md, results.csv, {len(table)} confusion matrices")
        readme_table = overview(studies, args.with_test)
    else:
        tables = {study: summarise(study, runs, args.with_test) for study, runs in studies.items()}
        for study, runs in studies.items():
            write_study(study, runs, tables[study], place / study, args.with_test, args.runs / study)
            print(f"wrote {place / study}/: README.md, results.csv, records of {counted(len(runs), 'run')}")
        readme_table = pd.concat(tables.values())
    if args.readme:
        fill_marks(args.readme, markdown(readme_table), "results")
    report = place if args.together else place / args.studies[0]
    print(f"next: read {report / 'README.md'}")


if __name__ == "__main__":
    with config.one_line_errors():
        sys.exit(main())
