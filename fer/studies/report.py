"""Writes the report of a study, and that of several studies together: README.md, report.html, results.csv, figures."""

import re
from pathlib import Path

import pandas as pd

from fer.files import atomic, write_text
from fer.report_page import page
from fer.studies.conclusions import conclude, lost
from fer.studies.factors import DATA
from fer.studies.factors import table as factor_table
from fer.studies.facts import facts
from fer.studies.matrices import best_figures, confusion_matrices
from fer.studies.provenance import commands, provenance, provenance_by_machine
from fer.studies.run_names import Run
from fer.studies.selection import Studies, finished, monitor
from fer.studies.summaries import read_summary
from fer.studies.tables import markdown, per_emotion, per_run

NOTES = "notes.md"
"""A file of notes, which move into README.md."""
KEPT = re.compile(r"<!-- notes -->\n(.*)<!-- end of notes -->\n", re.DOTALL)
"""The part of README.md that is written by hand."""


def write_study(
    study: str, runs: list[Run], table: pd.DataFrame, out: Path, with_test: bool, source: Path
) -> list[str]:
    """Writes README.md, report.html, results.csv and figures into `out`.

    Returns the conclusions and the runs that did not finish as Markdown items. source: the folder of the study's runs.
    """
    items, conclusion = conclude(runs, out)
    if with_test and not items:
        conclusion = best_figures([run for run in finished(runs) if "test/accuracy" in run], out, source) + conclusion
    parts = [
        f"# {in_words(study)}\n",
        read_summary(out).text,
        facts(runs, with_test),
        explanation(runs, "The best epoch was chosen on the validation split."),
        markdown(without_known_data(table.drop(columns="study"), runs)),
        "" if with_test else "The test split is not shown; choose by validation, then `--with-test`.\n",
        *conclusion,
        notes(out),
        "## Commands and machines\n",
        commands_block(commands(runs), f"{study} --with-test" if with_test else study),
        provenance(runs),
    ]
    write_pages(study, parts, out)
    write_results(per_run(runs, with_test), out)
    return [*items, *lost(runs)]


def write_together(name: str, studies: Studies, table: pd.DataFrame, claims: pd.DataFrame, out: Path) -> None:
    """Writes README.md, report.html, results.csv and a picture of all confusion matrices into `out`."""
    with_test = "test/accuracy" in table
    split = "test" if with_test else "val"
    runs = [run for group in studies.values() for run in group]
    monitors = " or ".join(sorted({monitor(run) for run in runs}))
    arguments = f"{' '.join(studies)} --together {name}"
    parts = [
        f"# {in_words(name)}\n",
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
        notes(out),
        "## Commands and machines\n",
        commands_block(
            [line for group in studies.values() for line in commands(group)],
            f"{arguments} --with-test" if with_test else arguments,
        ),
        provenance_by_machine(studies),
    ]
    write_pages(name, parts, out)
    tables = [per_run(group, with_test).assign(study=study) for study, group in studies.items()]
    write_results(pd.concat(tables).set_index("study").reset_index(), out)


def in_words(name: str) -> str:
    """Returns the name of a study as the title of its report."""
    words = name.replace("_", " ")
    return words[:1].upper() + words[1:]


def without_known_data(table: pd.DataFrame, runs: list[Run]) -> pd.DataFrame:
    """Returns the table without the column of the data where all runs have the same or their names tell it."""
    _, factors = factor_table(runs, [])
    return table.drop(columns="data") if DATA in factors or table["data"].nunique() == 1 else table


def write_pages(name: str, parts: list[str], out: Path) -> None:
    """Writes README.md from the parts that are not empty, and report.html with the same content.

    The notes are in README.md then, so their file is removed.
    """
    text = "\n".join(part for part in parts if part)
    write_text(out / "README.md", text)
    write_text(out / "report.html", page(in_words(name), KEPT.sub(r"\1", text), out))
    (out / NOTES).unlink(missing_ok=True)


def write_results(table: pd.DataFrame, out: Path) -> None:
    with atomic(out / "results.csv") as file:
        table.to_csv(file, index=False)


def notes(out: Path) -> str:
    """Returns the notes of an earlier README.md between their marks, or those of notes.md; "" without any."""
    if (out / NOTES).is_file():
        text = (out / NOTES).read_text(encoding="utf-8")
    else:
        readme = out / "README.md"
        kept = KEPT.search(readme.read_text(encoding="utf-8")) if readme.is_file() else None
        text = kept[1] if kept else ""
    return f"<!-- notes -->\n{text.rstrip()}\n<!-- end of notes -->\n" if text.strip() else ""


def commands_block(trained: list[str], arguments: str) -> str:
    """Returns the commands of training and of the report as a block."""
    return "\n".join(["```", *trained, f"python -m fer.study {arguments}", "```", ""])


def explanation(runs: list[Run], details: str) -> str:
    """Returns the sentences that explain the table."""
    text = f"Percent, mean ± standard deviation over seeds. {details}"
    if any(run["data"]["official_split"] for run in runs):
        text += " On FER2013's official split val is PublicTest and test is PrivateTest."
    return f"{text}\n"
