"""Reads the question and answer of each study, and fills the tables of README files."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fer.errors import UserError
from fer.files import write_text
from fer.report import markdown_table

NAME = "summary.md"


@dataclass(frozen=True)
class Summary:
    """The question of a study and its answer in a sentence or two; both empty where none is written yet."""

    question: str = ""
    answer: str = ""

    @property
    def text(self) -> str:
        """Markdown for the top of a report."""
        return f"**{self.question}** {self.answer}\n" if self.question else ""


def read_summary(folder: Path) -> Summary:
    """Reads summary.md: the question in its first line, the answer below it."""
    path = folder / NAME
    if not path.is_file():
        return Summary()
    question, _, answer = path.read_text(encoding="utf-8").partition("\n")
    return Summary(question.strip(), " ".join(answer.split()))


def index_table(experiments: Path) -> str:
    """Returns the Markdown table of all studies with a summary, in the order of their names."""
    rows = []
    for path in sorted(experiments.glob(f"*/{NAME}")):
        summary = read_summary(path.parent)
        report = next((name for name in ("README.md", "report.md") if (path.parent / name).is_file()), "")
        link = f"[{path.parent.name}]({path.parent.name}/{report})"
        rows.append({"study": link, "question": summary.question, "answer": summary.answer})
    if not rows:
        raise UserError(f"{experiments}: no study with a {NAME}; write one: the question in a line, then the answer")
    lines = markdown_table(pd.DataFrame(rows)).replace("\\[", "[").replace("\\]", "]").replace("\\`", "`")
    return f"{lines}\n"


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
