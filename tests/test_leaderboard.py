"""The leaderboard's scores are those of the predictions, its rows means over seeds, its figures legible."""

import importlib
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.transforms import Bbox
from sklearn.metrics import balanced_accuracy_score, f1_score

from fer import stored
from fer.data.emotions import EMOTIONS
from fer.errors import UserError
from fer.plots.pareto import OURS, Point, extent, frontier, pareto_figure

FOLDER = Path(__file__).parents[1] / "experiments" / "leaderboard"
MODEL = {"_target_": "fer.models.cnn.CNN", "blocks": [[4]], "head": [4]}


@pytest.fixture
def module(monkeypatch):
    """`module("scores")`: a script of experiments/leaderboard."""
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


@pytest.fixture
def make_run(csv, made, tmp_path):
    """Writes the folder of a finished run whose predictions are drawn with its seed."""

    def write(seed: int, study: str = "small", **changes) -> Path:
        folder = tmp_path / f"{study}-{seed}"
        folder.mkdir()
        classifier = {"model": MODEL, "tta": "flip"}
        data = {"source": "fer2013", "root": str(csv), "progressive_resizing": {"0": 24}}
        config = {"study": study, "seed": seed, "test": True, "labels": {}, "classifier": classifier, "data": data}
        record = {
            "status": "finished",
            "command": f"python -m fer.train data.root={csv} seed={seed}",
            "config": config | {"model": MODEL, **changes.pop("config", {})},
            "data": {
                "origin": "FER2013",
                "official_split": True,
                "path": [str(csv)],
                "counts": {"test": dict.fromkeys(EMOTIONS, 1)},
            },
            "hardware": {"cpu": "CPU", "threads": 1, "gpu": None, "system": "Linux"},
            "fit_seconds": 60.0 * (seed + 1),
            "commit": "abc",
        } | changes
        (folder / "metrics.json").write_text(json.dumps(record))
        predictions_of(made, seed).to_csv(folder / "predictions.csv", index=False)
        return folder

    return write


def predictions_of(faces, seed: int) -> pd.DataFrame:
    probabilities = np.random.default_rng(seed).dirichlet(np.ones(7), 40)
    names = np.array(EMOTIONS)
    usages = np.repeat(["PublicTest", "PrivateTest"], 20)
    columns = {
        "split": np.repeat(["val", "test"], 20),
        "id": [f"{usage}_{row}" for usage, row in zip(usages, range(20, 60), strict=True)],
        "true": names[faces.labels[20:]],
        "predicted": names[probabilities.argmax(1)],
    }
    return pd.concat([pd.DataFrame(columns), pd.DataFrame(probabilities, columns=list(EMOTIONS))], axis=1)


def test_scores_are_those_of_the_predictions(module, make_run, made):
    entry = module("scores").run_entry(make_run(0), None, None)
    table = predictions_of(made, 0)
    val, test = table[table["split"] == "val"], table[table["split"] == "test"]
    hits = (test["true"] == test["predicted"]).to_numpy()
    scores = entry["scores"]
    assert scores["val_accuracy"] == pytest.approx((val["true"] == val["predicted"]).mean())
    assert scores["test_accuracy"] == pytest.approx(hits.mean())
    assert scores["test_balanced_accuracy"] == pytest.approx(balanced_accuracy_score(test["true"], test["predicted"]))
    labels = sorted({*test["true"], *test["predicted"]})
    expected = f1_score(test["true"], test["predicted"], labels=labels, average="macro")
    assert scores["test_macro_f1"] == pytest.approx(expected)
    copy = (test["id"] == "PrivateTest_45").to_numpy()
    assert scores["test_without_copies"] == pytest.approx(hits[~copy].mean())
    assert scores["test_ferplus_agrees"] is None  # no votes beside the data
    assert 0 <= scores["ece"] <= 1
    assert "PATH" in entry["command"]


def test_a_row_has_means_and_deviations_over_seeds(module, make_run):
    entries = {str(seed): module("scores").run_entry(make_run(seed), None, None) for seed in (0, 1)}
    costs = {"small": {"parameters": 9, "mflops": 1.0, "ms_per_face": 0.1}}
    [row] = module("rows").leaderboard(entries, costs).to_dict("records")
    accuracies = [entry["scores"]["test_accuracy"] for entry in entries.values()]
    assert row["test_accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-4)
    assert row["test_sd"] == pytest.approx(np.std(accuracies, ddof=1), abs=1e-4)
    assert (row["seeds"], row["minutes"], row["views"], row["extra_data"]) == ("0 1", 1.5, "flip", "none")
    assert list(row) == module("rows").COLUMNS


def test_an_ensemble_averages_probabilities_and_adds_up_costs(module, make_run, made):
    runs = [make_run(seed) for seed in (0, 1, 2)]
    entry = module("scores").ensemble_entry(runs, "three", None)
    tables = [predictions_of(made, seed) for seed in (0, 1, 2)]
    mean = sum(table[list(EMOTIONS)].to_numpy() for table in tables)[20:] / 3
    hits = np.array(EMOTIONS)[mean.argmax(1)] == tables[0]["true"][20:]
    assert entry["scores"]["test_accuracy"] == pytest.approx(hits.mean())
    assert entry["minutes"] == 6
    one, three = (module("costs").costs_of(networks) for networks in (entry["networks"][:1], entry["networks"]))
    assert three == pytest.approx({key: 3 * value for key, value in one.items()})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"status": "interrupted"}, "not a finished run"),
        ({"data": {"origin": "FER2013", "official_split": False}}, "official split alone"),
        ({"data": {"origin": "AffectNet with FER+ labels", "official_split": True}}, "official split alone"),
        ({"config": {"test": False}}, "test=false"),
    ],
)
def test_other_runs_are_refused_in_one_line(module, make_run, changes, words):
    with pytest.raises(UserError, match=words):
        module("scores").run_entry(make_run(0, **changes), None, None)


def test_the_table_of_the_main_readme_is_that_of_the_stored_runs(module):
    pages = module("pages")
    table = pages.overview(pd.read_csv(FOLDER / "leaderboard.csv"), stored.read(FOLDER))
    assert f"<!-- results -->\n{table}\n<!-- end of results -->" in (FOLDER.parents[1] / "README.md").read_text()
    assert "attempt" not in table


def test_other_views_need_the_network_and_stand_in_the_command(module, make_run):
    with pytest.raises(UserError, match="no checkpoint is left, which --tta"):
        module("scores").run_entry(make_run(0), None, None, "affine")
    command = module("scores").commands({"command": "python -m fer.train seed=1"}, "affine")
    assert command == "python -m fer.train seed=1; python -m fer.evaluate RUN --split test --tta affine"


def test_runs_of_other_options_get_another_row(module, make_run, tmp_path):
    runs = [make_run(0), make_run(0, study="other", config={"monitor": "val/loss"})]
    with pytest.raises(UserError, match="row 'one': seed 0 was trained with other options"):
        module("board").add(runs, "one", None, False, tmp_path / "board")


def test_costs_are_those_of_the_network(module):
    costs = module("costs").costs_of([{"model": "vgg_lean", "tta": "flip"}])
    assert costs == {"parameters": 1_904_519, "mflops": pytest.approx(277.37, abs=0.005)}


@pytest.mark.full
def test_the_command_writes_table_page_and_small_figures_and_repeats_them(module, make_run, tmp_path, capsys):
    place = tmp_path / "board"
    place.mkdir()
    board = module("board")
    board.main([str(make_run(0)), str(make_run(1)), "--out", str(place), "--no-timing"])
    assert "rows: small" in capsys.readouterr().out
    files = {path.name: path.read_bytes() for path in place.iterdir()}
    assert {"leaderboard.csv", "README.md", "runs.jsonl.gz", "parameters.png"} <= set(files)
    assert all(len(content) <= 150_000 for content in files.values())
    assert "| small | " in files["README.md"].decode()
    assert str(tmp_path) not in files["README.md"].decode()
    board.main(["--out", str(place), "--no-timing"])
    assert {path.name: path.read_bytes() for path in place.iterdir()} == files


def entry_of(name: str, networks: int = 1, **other) -> dict:
    return {"row": name, "networks": [{}] * networks, "classes": list(EMOTIONS), "votes": "none"} | other


def test_aims_name_the_best_row_of_their_kind_within_their_limits(module):
    columns = {"model": list("abcd"), "parameters": [50_000, 400_000, 3e6, 60_000], "seeds": ["0", "0 1 2", "0", "0"]}
    table = pd.DataFrame(columns | {"test_accuracy": [0.66, 0.65, 0.7, 0.8], "test_macro_f1": [0.6, 0.5, 0.7, 0.8]})
    table.loc[len(table)] = ["e, attempt 1", 50_000, "0", 0.9, 0.9]
    eight = entry_of("d", classes=[*EMOTIONS, "contempt"], votes="soft")
    entries = {"a": entry_of("a"), "b": entry_of("b"), "c": entry_of("c", networks=2), "d": eight}
    entries["e"] = entry_of("e, attempt 1")
    pages = module("pages")
    aims = pages.aims(table, entries)
    assert list(aims["by"]) == ["a, seed 0", "a, seed 0", "a, seed 0", "a, seed 0", "c, seed 0", "d, seed 0"]
    assert list(aims["today"]) == ["66.00", "66.00", "66.00", "60.00", "70.00", "80.00"]
    assert list(aims["reached"]) == ["no"] * 6
    assert pages.kind_of(entry_of("e", classes=["happy", "sad"])) == "FER2013, 2 classes"


def test_an_aim_is_reached_by_the_mean_of_three_seeds(module):
    row = {"model": ["a"], "parameters": [50_000], "test_accuracy": [0.7], "test_macro_f1": [0.6]}
    for seeds, reached in (("0 1", "no"), ("0 1 2", "yes")):
        aims = module("pages").aims(pd.DataFrame(row | {"seeds": [seeds]}), {"a": entry_of("a")})
        assert (aims["by"][0], aims["reached"][0]) == (f"a, seeds {', '.join(seeds.split())}", reached)


def test_the_stored_table_is_what_the_stored_runs_give(module):
    """leaderboard.csv was written by the command, not by hand."""
    stored = module("fer.stored").read(FOLDER)
    table = pd.read_csv(FOLDER / "leaderboard.csv", dtype={"seeds": str})
    costs = {
        row["model"]: {key: row[key] for key in ("parameters", "mflops", "ms_per_face")} for _, row in table.iterrows()
    }
    again = module("rows").leaderboard(stored, costs)
    pd.testing.assert_frame_equal(again, table, check_dtype=False)


def test_the_line_joins_what_no_cheaper_network_beats():
    points = [Point(name, cost, accuracy, OURS) for name, cost, accuracy in [("a", 3, 70), ("b", 1, 60), ("c", 2, 59)]]
    assert [point.name for point in frontier(points)] == ["b", "a"]


def test_labels_cover_neither_points_nor_each_other():
    kinds = [OURS, "published, clean", "published, not comparable"]
    places = np.random.default_rng(0).uniform([6, 72], [7, 74], (15, 2))
    points = [Point(f"network {i}", 10**x, y, kinds[i % 3]) for i, (x, y) in enumerate(places)]
    figure = pareto_figure(points, "parameters", "accuracy")
    [axes] = figure.axes
    boxes = [extent(label) for label in axes.texts]
    pixels = axes.transData.transform([(point.cost, point.accuracy) for point in points])
    marks = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in pixels]
    assert len(boxes) == 15
    assert not any(first.overlaps(second) for first, second in combinations(boxes, 2))
    assert not any(box.overlaps(mark) for box in boxes for mark in marks)
