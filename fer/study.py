"""Writes tables and reports from the finished runs of studies.

    python -m fer.study onecycle_light --with-test
    python -m fer.study first_run onecycle_light --with-test --readme README.md
    python -m fer.study two_convs four_emotions class_weights --together baselines --with-test
    python -m fer.study --index

Stores the records of the runs in experiments/<study>/runs.jsonl.gz, without the paths of this machine, and writes the
report from this file alone, so runs may come from several machines and runs/ may be deleted. `zcat runs.jsonl.gz` shows
the records. The report is README.md, report.html, whose tables can be sorted, and results.csv, one row for each run
with all its options. Where options differ between the runs, it compares their levels by paired tests (more than 30: in
pairs.csv) and shows two figures. Its table and its conclusions are printed as well.
--with-test adds the columns of the test split; choose by validation first.

experiments/studies.yaml holds a question and an answer for each study, which open its README.md. What stands there
between the marks `<!-- notes -->` and `<!-- end of notes -->` is kept, below the tables. --index writes the table in
experiments/README.md from studies.yaml.

--together NAME makes one report of several studies in experiments/NAME/: one table, the accuracy of each emotion, and
a confusion matrix for each configuration. experiments/NAME/reported.csv (study, figure, value, note) holds what others
reported. --predictions also stores the predictions of each configuration's first seed, as a CSV file that fer.evaluate
reads. --readme puts the table between the `<!-- results -->` marks of a file.
"""

import argparse
import shlex
import shutil
import sys
from pathlib import Path

import pandas as pd

from fer import config, places
from fer.arguments import Parser
from fer.arguments import place as path_argument
from fer.counting import counted
from fer.errors import UserError
from fer.studies.claims import read_claims
from fer.studies.collecting import collect
from fer.studies.printing import study_lines
from fer.studies.summaries import fill_marks, index_table
from fer.studies.tables import compare, markdown, overview, summarise


def main(arguments: list[str] | None = None) -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("studies", nargs="*", help="folders below --runs or, of stored runs, below --out")
    parser.add_argument("--runs", type=path_argument("--runs"), default=places.RUNS)
    parser.add_argument("--out", type=path_argument("--out"), default=Path("experiments"))
    parser.add_argument("--together", metavar="NAME", help="one report of all the studies in NAME below --out")
    parser.add_argument("--with-test", action="store_true", help="show the test split as well; never select by it")
    parser.add_argument(
        "--predictions", action="store_true", help="store those of the first seeds, a .csv.gz file each"
    )
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
    studies = collect(args.studies, args.runs, place, bool(args.together), args.predictions)
    from fer.studies.report import write_study, write_together  # matplotlib and SciPy, after all names were checked

    if args.together:
        claims = read_claims(place / "reported.csv")
        table = compare(studies, claims, args.with_test)
        write_together(args.together, studies, table, claims, place)
        print("\n".join(study_lines(table, [], terminal_width())))
        stored = counted(sum(map(len, studies.values())), "run")
        print(f"wrote {place}/: README.md, report.html, results.csv, confusion.png, records of {stored}")
        readme_table = overview(studies, args.with_test)
    else:
        tables = {study: summarise(study, runs, args.with_test) for study, runs in studies.items()}
        for study, runs in studies.items():
            conclusions = write_study(study, runs, tables[study], place / study, args.with_test, args.runs / study)
            print("\n".join(study_lines(tables[study], conclusions, terminal_width())))
            print(
                f"wrote {place / study}/: README.md, report.html, results.csv, records of {counted(len(runs), 'run')}"
            )
        readme_table = pd.concat(tables.values())
    if args.readme:
        fill_marks(args.readme, markdown(readme_table), "results")
    report = place if args.together else place / args.studies[0]
    print(f"next: open {shlex.quote(str(report / 'report.html'))}")


def terminal_width() -> int | None:
    """Returns the columns of the terminal; None where standard output is none."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


if __name__ == "__main__":
    with config.one_line_errors():
        sys.exit(main())
