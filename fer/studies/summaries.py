"""Reads the question and answer of each study, and fills the tables of README files."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from fer.errors import UserError
from fer.files import write_text

NAME = "studies.yaml"


@dataclass(frozen=True)
class Summary:
    """The question of a study and its answer in a sentence or two, as Markdown; empty where none is written yet."""

    question: str = ""
    answer: str = ""

    @property
    def text(self) -> str:
        """Markdown for the top of a report."""
        return f"**{self.question}** {self.answer}\n" if self.question else ""


def read_summaries(experiments: Path) -> dict[str, Summary]:
    """Returns the summaries in studies.yaml by study, in the order of the file; empty without the file."""
    path = experiments / NAME
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {study: Summary(entry["question"].strip(), entry["answer"].strip()) for study, entry in content.items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected a question and an answer for each study ({error})") from error


def read_summary(folder: Path) -> Summary:
    """Returns the summary of the study in `folder`, from studies.yaml beside it."""
    return read_summaries(folder.parent).get(folder.name, Summary())


def index_table(experiments: Path) -> str:
    """Returns the Markdown table of all studies in studies.yaml."""
    rows = []
    for study, summary in read_summaries(experiments).items():
        report = next((name for name in ("README.md", "report.md") if (experiments / study / name).is_file()), None)
        if report is None:
            raise UserError(f"{experiments / NAME}: {study} has no report; write it first, or remove its entry")
        rows.append(f"| [{study}]({study}/{report}) | {summary.question} | {summary.answer} |")
    if not rows:
        raise UserError(f"{experiments / NAME}: no studies; write `study: {{question: …, answer: …}}` for each")
    return "\n".join(["| study | question | answer |", "| --- | --- | --- |", *rows, ""])


def fill_marks(path: Path, table: str, name: str) -> None:
    """Replaces what stands between `<!-- name -->` and `<!-- end of name -->` in a file by a table."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not path.is_file():
        raise UserError(f"{path}: no such file; write it with <!-- {name} --> and <!-- end of {name} --> in it")
    text, count = marks.subn(lambda match: f"{match[1]}{table}{match[2]}", path.read_text(encoding="utf-8"))
    if not count:
        raise UserError(f"{path}: no <!-- {name} --> … <!-- end of {name} --> to fill; add these two lines")
    write_text(path, text)
    print(f"wrote the table of {name} into {path}")
