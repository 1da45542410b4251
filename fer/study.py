"""Writes tables and reports from the finished runs of studies.

    python -m fer.study onecycle_light --with-test
    python -m fer.study first_run onecycle_light --with-test --readme README.md
    python -m fer.study two_convs four_emotions class_weights --together baselines --with-test

Copies what the runs left into experiments/<study>/ (their records, without the places of this machine, into
runs.jsonl.gz and, of the configuration that is best in validation, predictions as .csv.gz) and writes from these files
alone: README.md (commands, table, hardware, commit), results.csv and, where options differ between the runs, what
follows from them: a sentence an option, its effects with intervals, paired tests (pairs.csv), pictures, and which runs
failed or are missing. With --with-test also the test columns, the best configuration's confusion.png and, of synthetic
faces, faces.png. So runs may come from several machines, and runs/ may go. `zcat runs.jsonl.gz` shows the records.
What stands in notes.md there closes the README.

--together NAME makes one report of all the studies, experiments/NAME/, the runs in a folder each, all with predictions:
one table of all, the accuracy of each emotion, a confusion matrix for each row; and beside them what
experiments/NAME/reported.csv (study, figure, value, note) says that others reported. --readme puts the table of all the
studies between the `<!-- results -->` marks of that file.
"""

import argparse
import difflib
import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from fer import config, places
from fer.arguments import place as place_at
from fer.console import counted
from fer.errors import UserError
from fer.files import atomic, save_figure, write_text
from fer.studies.records import Run, read_claims, read_predictions, read_runs, read_stored, store
from fer.studies.tables import (
    Studies,
    best_of,
    commands,
    compare,
    configurations,
    finished,
    is_synthetic,
    markdown,
    monitor,
    overview,
    per_emotion,
    per_run,
    provenance,
    provenance_by_machine,
    summarise,
)

NOTES = "notes.md"
MARKS = re.compile(r"(<!-- results -->\n).*?(<!-- end of results -->)", re.DOTALL)


def collect(studies: list[str], runs: Path, place: Path, only_finished: bool) -> Studies:
    """Stores what `runs` holds of the studies in `place`, then reads what lies there; raises UserError for a typo."""
    kept = finished if only_finished else list
    found = {study: kept(read_runs(runs / study)) for study in studies}
    for study, mine in found.items():
        if not mine and not kept(read_stored(place / study)):
            there = {path.name for base in (runs, place) if base.is_dir() for path in base.iterdir() if path.is_dir()}
            guess = difflib.get_close_matches(study, there - {study}, n=1)
            hint = f"did you mean {guess[0]}?" if guess else "give the name of a study in runs/"
            raise UserError(f"{study}: no finished run in {runs / study}/, and none stored in {place / study}/; {hint}")
    for study, mine in found.items():
        store(mine, place / study)
    stored = {study: kept(read_stored(place / study)) for study in found}
    for study, mine in stored.items():
        if not mine:
            raise UserError(f"{study}: none of its runs can be read; train them again")
    return stored


def write_study(study: str, runs: list[Run], table: pd.DataFrame, out: Path, with_test: bool, found: Path) -> None:
    """README.md, results.csv and, with the test split, pictures into `out`; `found` is the study's folder in runs/."""
    parts = [
        f"# {study}\n",
        typed_lines(commands(runs), f"{study}{' --with-test' * with_test}"),
        meaning(runs, "; the best epoch was chosen on the validation split."),
        markdown(table.drop(columns="study")),
        "" if with_test else "The test split is not shown; choose by validation, then `--with-test`.\n",
    ]
    if finished(runs):
        from fer.studies.conclusions import conclude  # draws: not before all names are known to be right

        parts += conclude(runs, out)
    parts.append(provenance(runs))
    tested = [run for run in finished(runs) if "test/accuracy" in run]
    if with_test and tested:
        parts += pictures(tested, out, found)
    if (out / NOTES).is_file():
        parts.append((out / NOTES).read_text(encoding="utf-8"))
    write_text(out / "README.md", "\n".join(parts))
    with atomic(out / "results.csv") as file:
        per_run(runs, with_test).to_csv(file, index=False)


def write_together(name: str, studies: Studies, table: pd.DataFrame, claims: pd.DataFrame, out: Path) -> None:
    """README.md, results.csv and a confusion matrix for each row of `table` into `out`."""
    with_test = "test/accuracy" in table
    split = "test" if with_test else "val"
    runs = [run for mine in studies.values() for run in mine]
    typed = [line for mine in studies.values() for line in commands(mine)]
    monitors = sorted(set(map(monitor, runs)))
    explained = (
        f", of the epoch that was best in {' or '.join(monitors)}; train without augmentation. Images: train / val / "
        "test. Reported: by the system itself. Minutes: of the fit; a letter names the machine (see the end)."
    )
    parts = [
        f"# {name}\n",
        typed_lines(typed, f"{' '.join(studies)} --together {name}{' --with-test' * with_test}"),
        meaning(runs, explained),
        markdown(table),
        f"## Accuracy of each emotion on {split}\n",
        "The share of an emotion's images that were recognised (recall), in percent; in brackets what was reported.\n",
        markdown(per_emotion(studies, claims, split)),
        f"## Confusion matrices on {split}, over all seeds\n",
    ]
    for study, run_name, mine in configurations(studies):
        picture = f"{study}-{run_name}.png".replace("/", ",")
        draw_confusion(mine, split, out / picture, dpi=80)
        parts.append(f"{study}, `{run_name}`:\n\n![confusion matrix]({picture})\n")
    parts += ["## Machines\n", provenance_by_machine(studies)]
    write_text(out / "README.md", "\n".join(parts))
    tables = [per_run(mine, with_test).assign(study=study) for study, mine in studies.items()]
    with atomic(out / "results.csv") as file:
        pd.concat(tables).set_index("study").to_csv(file)


def typed_lines(trained: list[str], arguments: str) -> str:
    """The commands of training and of the report as a block."""
    return "\n".join(["```", *trained, f"python -m fer.study {arguments}", "```", ""])


def meaning(runs: list[Run], explained: str) -> str:
    rule = f"Percent, mean ± standard deviation over seeds{explained}"
    if any(run["data"]["official_split"] for run in runs):
        rule += " On FER2013's official split val is PublicTest and test is PrivateTest."
    return rule + "\n"


def pictures(runs: list[Run], out: Path, found: Path) -> list[str]:
    """Draws the configuration that is best in validation: its confusion matrix over all seeds, and drawn faces."""
    mine = [run for run in best_of(runs) if run["predictions"].is_file()]
    if not mine:
        return []
    best = mine[0]["name"]
    draw_confusion(mine, "test", out / "confusion.png")
    shown = [f"`{best}`, the best in validation:\n", "![confusion matrix](confusion.png)\n"]
    if is_synthetic(mine[0]):  # photographs stay where they are
        known = {run.get("identity") for run in mine}
        again = [run for run in read_runs(found) if run.get("identity") in known]
        sheets = [run["predictions"].with_name("faces.png") for run in again]
        for sheet in [sheet for sheet in sheets if sheet.is_file()][:1]:
            shutil.copy(sheet, out)
        if (out / "faces.png").is_file():
            shown.append("![synthetic test faces with predicted and true labels](faces.png)\n")
    return shown


def keep_best(runs: list[Run]) -> None:
    """Deletes the stored predictions but of the best in validation: those of a large sweep outweigh all else here."""
    best = best_of(runs)[0]["name"]
    for run in runs:
        if run["name"] != best:
            run["predictions"].unlink(missing_ok=True)


def draw_confusion(runs: list[Run], split: str, path: Path, dpi: int | str = "figure") -> None:
    """One matrix over the predictions of all `runs`, which share their classes."""
    from fer.plots import confusion_figure

    table = pd.concat(read_predictions(run) for run in runs)
    classes = list(table.columns[4:])
    table = table[table["split"] == split]
    counts = pd.crosstab(table["true"], table["predicted"]).reindex(index=classes, columns=classes, fill_value=0)
    share = (table["true"] == table["predicted"]).mean()
    title = f"{split}, {counted(len(runs), 'run')}, accuracy {100 * share:.1f} %"
    save_figure(confusion_figure(counts.to_numpy(), classes, title), path, colours=256, dpi=dpi)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", help="folders below --runs or, of stored runs, below --out")
    parser.add_argument("--runs", type=place_at("--runs"), default=places.RUNS)
    parser.add_argument("--out", type=place_at("--out"), default=Path("experiments"))
    parser.add_argument("--together", metavar="NAME", help="one report of all the studies in NAME below --out")
    parser.add_argument("--with-test", action="store_true", help="show the test split as well; never select by it")
    parser.add_argument("--readme", type=place_at("--readme"), help="file with <!-- results --> marks to fill")
    args = parser.parse_args(arguments)
    if places.LATEST in args.studies:
        raise UserError(f"{places.LATEST} stands for the newest run; name a study, or python -m fer.evaluate latest")
    place = args.out / (args.together or "")
    studies = collect(args.studies, args.runs, place, only_finished=bool(args.together))
    if args.together:
        claims = read_claims(place / "reported.csv")
        everything = compare(studies, claims, args.with_test)
        write_together(args.together, studies, everything, claims, place)
        print(f"wrote {place}/: README.md, results.csv, {len(everything)} confusion matrices")
    else:
        tables = {study: summarise(study, runs, args.with_test) for study, runs in studies.items()}
        everything = pd.concat(tables.values())
        for study, runs in studies.items():
            write_study(study, runs, tables[study], place / study, args.with_test, args.runs / study)
            if done := finished(runs):
                keep_best(done)
            what = f"metrics of {counted(len(runs), 'run')}, predictions of the best"
            print(f"wrote {place / study}/: README.md, results.csv, {what}")
    if args.readme:
        fill(args.readme, markdown(overview(studies, args.with_test) if args.together else everything))
    print(f"next: read {place / ('' if args.together else args.studies[0]) / 'README.md'}")


def fill(readme: Path, table: str) -> None:
    text, count = MARKS.subn(lambda marks: f"{marks[1]}{table}{marks[2]}", readme.read_text(encoding="utf-8"))
    if not count:
        raise UserError(f"{readme}: no <!-- results --> … <!-- end of results --> to fill; add these two lines")
    write_text(readme, text)
    print(f"wrote the table of results into {readme}")


if __name__ == "__main__":
    with config.one_line_errors():
        sys.exit(main())
