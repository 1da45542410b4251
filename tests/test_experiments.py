"""What experiments/ may hold: few files, small pictures, and reports that the stored records give."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from fer import stored, study
from fer.studies import drawing, matrices
from fer.studies.summaries import read_summaries

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
PICTURES = (".png", ".jpg")
STUDIES = sorted(path.parent.name for path in EXPERIMENTS.glob(f"*/{stored.NAME}") if path.parent.name != "leaderboard")


def committed() -> list[Path]:
    """Returns the files that git tracks."""
    command = ["git", "-C", str(EXPERIMENTS), "ls-files", "-z", "."]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no git repository")
    return [path for name in done.stdout.split("\0") if name and (path := EXPERIMENTS / name).is_file()]


def test_there_are_few_files_and_small_pictures():
    files = committed()
    sizes = {str(path.relative_to(EXPERIMENTS)): path.stat().st_size for path in files}
    assert len(sizes) <= 200
    assert sum(sizes.values()) <= 6_000_000
    assert {name: size for name, size in sizes.items() if name.endswith(PICTURES) and size > 150_000} == {}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_shows_two_figures_at_most_and_all_that_it_stores(name):
    text = (EXPERIMENTS / name / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert len(shown) <= 2
    assert set(shown) == {path.name for path in (EXPERIMENTS / name).glob("*.png")}
    assert len(pd.read_csv(EXPERIMENTS / name / "results.csv")) == len(stored.read(EXPERIMENTS / name))
    assert name in read_summaries(EXPERIMENTS)


@pytest.mark.full
@pytest.mark.parametrize("name", STUDIES)
def test_the_stored_records_give_the_report_again(name, tmp_path, monkeypatch):
    for module in (drawing, matrices):
        monkeypatch.setattr(module, "save_figure", lambda _, path, **__: path.write_bytes(b""))
    shutil.copytree(EXPERIMENTS / name, tmp_path / name)
    shutil.copy(EXPERIMENTS / "studies.yaml", tmp_path)
    text = (EXPERIMENTS / name / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^python -m fer\.study (.*)$", text, re.MULTILINE)
    study.main([*shlex.split(command), "--runs", str(tmp_path / "none"), "--out", str(tmp_path)])
    assert (tmp_path / name / "README.md").read_text(encoding="utf-8") == text
    for table in (EXPERIMENTS / name).glob("*.csv"):
        assert (tmp_path / name / table.name).read_bytes() == table.read_bytes()
