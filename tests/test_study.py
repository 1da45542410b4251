import gzip
import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
from sklearn import metrics

from fer import stored, study
from fer.errors import UserError
from fer.studies.records import read_predictions, read_runs, read_stored
from fer.studies.tables import summarise

CLASSES = ["happy", "sad"]


def finished(folder, name: str, seed: int, accuracy: float, official: bool = True, cpu: str = "x") -> None:
    """A run folder as `fer.train` leaves it, as far as a study reads it."""
    run = folder / name / f"seed-{seed}"
    run.mkdir(parents=True)
    figures = {
        f"{split}/{f}": accuracy
        for split in ("train", "val", "test")
        for f in ("accuracy", "balanced_accuracy", "macro_f1", "accuracy/happy", "accuracy/sad")
    }
    data = {
        "origin": "FER2013",
        "layout": "class folders",
        "path": ["/private/place/train"],
        "official_split": official,
        "fingerprint": "f",
        "counts": {split: dict.fromkeys(CLASSES, n) for split, n in (("train", 9), ("val", 1), ("test", 1))},
    }
    rest = {
        "status": "finished",
        "fit_seconds": 90,
        "epochs": 3 + seed,
        "config": {
            "seed": seed,
            "model": {"_target_": name},
            "data": {"source": "fer2013", "root": "/private/place"},
            "output_dir": str(run),
            "callbacks": {"checkpoint": {"monitor": "val/accuracy", "dirpath": f"{run}/checkpoints"}},
        },
        "checkpoint": str(run / "checkpoints" / "best.ckpt"),
        "commit": "c",
        "resolved": {"precision": "p"},
    }
    versions = {"versions": {"torch": "1", "lightning": "2"}, "hardware": {"cpu": cpu, "threads": 2}}
    command = {"command": f"python -m fer.train seed={seed} data.root=/private/place"}
    (run / "metrics.json").write_text(json.dumps(figures | rest | versions | command | {"data": data}))
    rows = [(split, i, "happy", guess, 0.5, 0.5) for split in ("val", "test") for i, guess in enumerate(CLASSES)]
    pd.DataFrame(rows, columns=["split", "id", "true", "predicted", *CLASSES]).to_csv(
        run / "predictions.csv", index=False
    )


@pytest.fixture
def runs(tmp_path):
    for seed, accuracy in enumerate((0.6, 0.7, 0.8)):
        finished(tmp_path / "runs" / "mine", "a", seed, accuracy)
    finished(tmp_path / "runs" / "mine", "b", 0, 0.5)
    return tmp_path / "runs" / "mine"


def test_seeds_become_mean_and_deviation(runs):
    table = summarise("mine", read_runs(runs), with_test=False).set_index("run")
    assert table.loc["a", "val/accuracy"] == "70.0 ± 10.0"
    assert table.loc["a", "runs"] == 3
    assert table.loc["b", "val/accuracy"] == "50.0"


def test_the_test_split_stays_closed_unless_asked_for(runs):
    found = read_runs(runs)
    assert not [column for column in summarise("mine", found, with_test=False) if "test" in column]
    assert "test/accuracy" in summarise("mine", found, with_test=True)


def test_the_summary_opens_the_readme_and_notes_below_the_tables_are_kept(runs, tmp_path):
    (tmp_path / "out/mine").mkdir(parents=True)
    (tmp_path / "out/studies.yaml").write_text("mine: {question: 'Which is better?', answer: 'a is, by 20 points.'}\n")
    (tmp_path / "out/mine/notes.md").write_text("Seed 0 was tried thrice.\n")
    study.main(["mine", "--runs", str(runs.parent), "--out", str(tmp_path / "out")])
    readme = tmp_path / "out/mine/README.md"
    text = readme.read_text()
    assert text.startswith("# Mine\n\n**Which is better?** a is, by 20 points.\n")
    assert text.index("| run |") < text.index("Seed 0 was tried thrice.") < text.index("python -m fer.study")
    assert not (tmp_path / "out/mine/notes.md").exists()
    readme.write_text(text.replace("thrice", "twice"))
    study.main(["mine", "--runs", str(runs.parent), "--out", str(tmp_path / "out")])
    assert readme.read_text() == text.replace("thrice", "twice")
    assert "tried twice" in (page := (tmp_path / "out/mine/report.html").read_text())
    assert "<!-- notes" not in page


def test_the_table_and_the_conclusions_are_printed(runs, tmp_path, capsys):
    for path in runs.glob("*/*/metrics.json"):
        record = json.loads(path.read_text())
        record["command"] = f"python -m fer.train optimizer={path.parts[-3]} seed={record['config']['seed']}"
        path.write_text(json.dumps(record))
    run_study(tmp_path, "mine", "--with-test")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["train/accuracy", "val/accuracy", "test/accuracy", "runs", "minutes", "run"]
    assert lines[1].split("  ")[-1] == "optimizer a"
    assert "70.0 ± 10.0" in lines[1]
    assert lines[3].startswith("- optimizer: ")
    assert lines[-2].startswith(f"wrote {tmp_path / 'out' / 'mine'}/: README.md, report.html, results.csv, ")
    assert lines[-1] == f"next: open {tmp_path / 'out' / 'mine' / 'report.html'}"


def test_a_summary_of_five_lines_stands_on_top_and_a_lost_run_is_named(runs, tmp_path, capsys):
    failed = runs / "a" / "seed-0" / "metrics.json"
    failed.write_text(json.dumps(json.loads(failed.read_text()) | {"status": "failed", "error": "no memory"}))
    run_study(tmp_path, "mine", "--with-test")
    text = (tmp_path / "out" / "mine" / "README.md").read_text()
    first = text[text.index("\n- ") :].split("\n\n")[0].strip().splitlines()
    assert [line.split(":")[0] for line in first] == ["- Data", "- Varied", "- Runs", "- Best by validation", "- Time"]
    assert "- Runs: 3 of 4 finished, 2 configurations, seeds 0, 1, 2." in first
    assert "a, with validation accuracy 75.0 ± 7.1 % and test accuracy 75.0 ± 7.1 %." in first[3]
    assert "- a seed 0: failed (no memory)" in text
    assert "- a seed 0: failed (no memory)" in capsys.readouterr().out


def test_the_page_of_a_study_needs_no_other_file(runs, tmp_path):
    run_study(tmp_path, "mine", "--with-test")
    page = (tmp_path / "out" / "mine" / "report.html").read_text()
    assert "<title>Mine</title>" in page
    assert 'src="data:image/png;base64,' in page
    assert "<pre><code>python -m fer.train" in page
    assert not re.findall(r'src="[^d]|href="[^#]', page)


def test_the_index_lists_every_summary(runs, tmp_path):
    run_study(tmp_path, "mine")
    (tmp_path / "out/studies.yaml").write_text("mine:\n  question: Which of `a` and [b]?\n  answer: a.\n")
    index = tmp_path / "out" / "README.md"
    index.write_text("# All\n<!-- studies -->\n<!-- end of studies -->\n")
    run_study(tmp_path, "--index")
    assert "| [mine](mine/README.md) | Which of `a` and [b]? | a. |" in index.read_text()


def test_failed_runs_are_counted_not_averaged(runs):
    path = runs / "a" / "seed-0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "failed"}))
    table = summarise("mine", read_runs(runs), with_test=False).set_index("run")
    assert table.loc["a", ["runs", "not finished"]].tolist() == [2, 1]
    assert table.loc["a", "val/accuracy"] == "75.0 ± 7.1"


def test_a_repeated_run_counts_once_with_its_last_finish(runs):
    again = runs / "a" / "seed-0-2"
    shutil.copytree(runs / "a" / "seed-0", again)
    change = {"val/accuracy": 0.9}
    (again / "metrics.json").write_text(json.dumps(json.loads((again / "metrics.json").read_text()) | change))
    table = summarise("mine", read_runs(runs), with_test=False).set_index("run")
    assert table.loc["a", ["runs", "val/accuracy"]].tolist() == [3, "80.0 ± 10.0"]


@pytest.mark.full
def test_the_command_writes_the_study_and_fills_the_readme(runs, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n")
    command = [sys.executable, "-m", "fer.study", "mine", "--runs", str(runs.parent), "--out", str(tmp_path / "out")]
    subprocess.run([*command, "--with-test", "--readme", str(readme)], check=True, capture_output=True)
    written = (tmp_path / "out" / "mine" / "README.md").read_text()
    assert "70.0 ± 10.0" in written
    assert "data.root=PATH" in written
    assert "/private/place" not in written
    assert (tmp_path / "out" / "mine" / "confusion.png").is_file()
    assert not list((tmp_path / "out" / "mine").glob("*.csv.gz"))
    filled = readme.read_text()
    assert filled.startswith("before\n")
    assert filled.endswith("after\n")
    assert "old" not in filled


def test_a_readme_of_several_studies_shows_the_official_splits_alone(runs, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- results -->\n<!-- end of results -->\n")
    for path in runs.glob("b/*/metrics.json"):
        record = json.loads(path.read_text())
        record["data"]["official_split"] = False
        path.write_text(json.dumps(record))
    arguments = ["mine", "--runs", str(runs.parent), "--out", str(tmp_path / "out"), "--together", "all"]
    study.main([*arguments, "--with-test", "--readme", str(readme)])
    rows = [line.split("|")[1:-1] for line in readme.read_text().splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in rows[0]] == [
        "recipe",
        "classes",
        "parameters",
        "PublicTest",
        "PrivateTest",
        "training",
    ]
    assert len(rows) == 3
    assert rows[2][3].strip() == "70.0 ± 10.0"


def run_study(folder, *arguments: str) -> None:
    study.main([*arguments, "--runs", str(folder / "runs"), "--out", str(folder / "out")])


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def table_rows(text: str, study: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"| {study} |")]


@pytest.fixture
def two_studies(runs, tmp_path):
    """`mine` with a and b, `yours` with c on a split of its own, and what was reported of `yours`."""
    for seed in (0, 1):
        finished(tmp_path / "runs" / "yours", "c", seed, 0.9, official=False)
    report = tmp_path / "out" / "both"
    report.mkdir(parents=True)
    claims = ("yours,test/accuracy,67.7,in its log", "yours,test/accuracy,68,", "yours,test/accuracy/sad,57.6,")
    (report / "reported.csv").write_text("\n".join(("study,figure,value,note", *claims, "mine,test/accuracy,,none")))
    return tmp_path


TOGETHER = ("mine", "yours", "--together", "both", "--with-test")


@pytest.mark.full
@pytest.mark.parametrize("arguments", [TOGETHER, ("mine", "yours", "--with-test")])
def test_a_report_outlives_its_runs_and_repeats_itself(two_studies, arguments, monkeypatch):
    run_study(two_studies, *arguments)
    first = contents(two_studies / "out")
    monkeypatch.setattr("time.time", lambda: 2e9)
    run_study(two_studies, *arguments)
    assert contents(two_studies / "out") == first
    shutil.rmtree(two_studies / "runs")
    run_study(two_studies, *arguments)
    assert contents(two_studies / "out") == first


@pytest.mark.parametrize("arguments", [TOGETHER, ("mine", "yours", "--with-test")])
def test_nothing_stored_names_a_place_of_the_machine(two_studies, arguments):
    run_study(two_studies, *arguments)
    for name, content in contents(two_studies / "out").items():
        text = gzip.decompress(content) if name.endswith(".gz") else content
        assert b"/private" not in text, name
        assert str(two_studies).encode() not in text, name


def test_one_report_of_several_studies(two_studies):
    run_study(two_studies, *TOGETHER)
    out = two_studies / "out" / "both"
    text = (out / "README.md").read_text()
    (main, emotions) = table_rows(text, "yours")
    assert "90.0 ± 0.0" in main
    assert "test 67.7 (in its log), test 68" in main
    assert "not comparable: own split" in main
    assert "18 / 2 / 2 images | 0, 1 |" in main
    assert main.endswith("| 1.5 | 3–4 |")
    assert emotions.endswith("| 90.0 ± 0.0 | 90.0 ± 0.0 (57.6) |")
    assert [("not comparable" in row, " none |" in row) for row in table_rows(text, "mine, a")[:1]] == [(False, True)]
    assert "chosen by val/accuracy" in text
    assert text.index("data.root=PATH") < text.index("python -m fer.study mine yours --together both --with-test")
    assert {path.name for path in out.iterdir()} == {
        "README.md",
        "report.html",
        "results.csv",
        "runs.jsonl.gz",
        "reported.csv",
        "confusion.png",
    }
    assert pd.read_csv(out / "results.csv")["study"].tolist() == ["mine"] * 4 + ["yours"] * 2


def test_a_report_of_several_studies_keeps_the_test_split_closed_too(two_studies):
    run_study(two_studies, *(argument for argument in TOGETHER if argument != "--with-test"))
    text = (two_studies / "out" / "both" / "README.md").read_text()
    assert "test/accuracy" not in text
    assert "67.7" not in text
    assert "emotion on val" in text


def test_minutes_of_two_machines_stay_apart(two_studies):
    finished(two_studies / "runs" / "mine", "a", 3, 0.7, cpu="fast")
    run_study(two_studies, *TOGETHER)
    text = (two_studies / "out" / "both" / "README.md").read_text()
    assert "| 1.5 (A), 1.5 (B) |" in table_rows(text, "mine, a")[0]
    assert "- A: mine, a (seeds 0, 1, 2); mine, b (seed 0); yours (seeds 0, 1)." in text
    assert "- B: mine, a (seed 3)." in text
    assert "fast, 2 threads" in text


def test_runs_of_another_day_join_the_stored_ones(two_studies):
    run_study(two_studies, *TOGETHER)
    shutil.rmtree(two_studies / "runs")
    finished(two_studies / "runs" / "yours", "c", 2, 0.6)
    run_study(two_studies, *TOGETHER)
    assert [run["config"]["seed"] for run in read_stored(two_studies / "out" / "both", "yours")] == [0, 1, 2]
    assert [run["name"] for run in read_stored(two_studies / "out" / "both", "mine")] == ["a", "a", "a", "b"]


def test_records_that_lie_in_folders_by_study_move_into_one_file(two_studies):
    run_study(two_studies, *TOGETHER)
    out = two_studies / "out" / "both"
    first = contents(out)
    for name, record in stored.read(out).items():
        study_name, _, run_name = name.partition(",")
        (out / study_name).mkdir(exist_ok=True)
        stored.write(out / study_name, stored.read(out / study_name) | {run_name: record})
    (out / stored.NAME).unlink()
    shutil.rmtree(two_studies / "runs")
    run_study(two_studies, *TOGETHER)
    assert contents(out) == first


def test_a_failed_run_neither_replaces_a_stored_one_nor_enters_a_common_report(two_studies):
    run_study(two_studies, *TOGETHER)
    before = contents(two_studies / "out" / "both")
    finished(two_studies / "runs" / "mine", "b", 1, 0.5)
    for path in (two_studies / "runs" / "mine" / "b").glob("*/metrics.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "failed"}))
    run_study(two_studies, *TOGETHER)
    assert contents(two_studies / "out" / "both") == before


def test_a_failed_run_is_counted_when_it_is_gone(runs, tmp_path):
    path = runs / "a" / "seed-0" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "failed"}))
    run_study(tmp_path, "mine")
    shutil.rmtree(runs)
    run_study(tmp_path, "mine")
    assert "| 2 | 1 | 75.0 ± 7.1 |" in (tmp_path / "out" / "mine" / "README.md").read_text()


@pytest.mark.parametrize(("together", "place"), [(("--together", "all"), ("all", "mine")), ((), ("mine", ""))])
def test_predictions_of_each_first_seed_are_kept_where_they_are_asked_for(runs, tmp_path, together, place):
    folder, study_name = place
    run_study(tmp_path, "mine", *together)
    assert not list((tmp_path / "out").rglob("*.csv.gz"))
    run_study(tmp_path, "mine", *together, "--predictions")
    kept_runs = read_stored(tmp_path / "out" / folder, study_name)
    assert [run["config"]["seed"] for run in kept_runs if run["predictions"].is_file()] == [0, 0]
    for run, kept in zip(read_runs(runs), kept_runs, strict=True):
        if kept["predictions"].is_file():
            pd.testing.assert_frame_equal(read_predictions(run), read_predictions(kept), atol=5e-5)


def test_records_keep_the_confusion_counts_of_every_run(runs, tmp_path):
    run_study(tmp_path, "mine")
    for run, kept in zip(read_runs(runs), read_stored(tmp_path / "out" / "mine"), strict=True):
        for split, table in read_predictions(run).groupby("split"):
            expected = metrics.confusion_matrix(table["true"], table["predicted"], labels=CLASSES)
            assert kept["confusion"][split] == {"classes": CLASSES, "counts": expected.tolist()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine", "your", "--together", "both"), "your: no finished run"),
        (("mine", "your", "--together", "both"), "did you mean yours?"),
        (("min",), "did you mean mine?"),
        (("else",), "give the name of a study"),
    ],
)
def test_a_study_without_runs_stops_before_anything_is_written(two_studies, arguments, message):
    with pytest.raises(UserError, match=re.escape(message)):
        run_study(two_studies, *arguments)
    assert set(contents(two_studies / "out")) == {"both/reported.csv"}


def test_an_error_is_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "fer.study", "none", "--runs", "none", "--out", "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: none: no finished run")
    assert done.stderr.count("\n") == 1


def test_reported_figures_in_other_columns_are_an_error(two_studies):
    (two_studies / "out" / "both" / "reported.csv").write_text("study,value\nmine,3\n")
    with pytest.raises(UserError, match="expected the columns study,figure,value,note"):
        run_study(two_studies, *TOGETHER)


@pytest.mark.parametrize("name", ["metrics.json", "predictions.csv"])
@pytest.mark.parametrize(
    "content", [None, b"", bytes(99), b"{", b"[1]", b"split,id,true,predicted,happy\nval,a,happy,hap"]
)
def test_a_damaged_run_is_left_out_and_the_others_count(name, content, runs, tmp_path, capsys):
    run_study(tmp_path, "mine")
    rows = len(pd.read_csv(tmp_path / "out" / "mine" / "results.csv"))
    shutil.rmtree(tmp_path / "out")
    damaged = runs / "a" / "seed-0" / name
    damaged.unlink()
    if content is not None:
        damaged.write_bytes(content)
    run_study(tmp_path, "mine")
    assert len(pd.read_csv(tmp_path / "out" / "mine" / "results.csv")) == rows - 1
    if content is not None or name != "metrics.json":
        assert capsys.readouterr().err.count(f"{damaged}: ") == 1


def test_the_command_starts_light():
    code = "import sys, fer.study; print({'torch', 'lightning', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
