from pathlib import Path

import pytest

from fer.studies import records


def record(**changes) -> dict:
    return {"config": {"data": {"root": "my/pictures"}}, "data": {"path": ["my/pictures/train"]}} | changes


@pytest.mark.parametrize(
    "text",
    [
        "/home/me/data",
        "cannot read /home/me/a.jpg",
        "~/faces",
        "C:\\faces\\a.jpg",
        "[/home/me/a,/home/me/b]",
        "in my/pictures",
    ],
)
def test_places_go(text):
    clean = records.without_places(record(error=text))["error"]
    assert "PATH" in clean
    assert not any(trace in clean for trace in ("me", "faces", "my"))


@pytest.mark.parametrize(
    "text", ["val/accuracy", "3 / 4 images", "fer.models.cnn.CNN", "AMD EPYC (AVX512-BF16 or AMX)", ""]
)
def test_what_is_no_place_stays(text):
    assert records.without_places(record(note=text))["note"] == text


def test_places_go_by_their_key_whatever_they_look_like():
    clean = records.without_places(record(output_dir="private", checkpoint={"dirpath": "a b", "monitor": "val/loss"}))
    assert clean["output_dir"] == "PATH"
    assert clean["checkpoint"] == {"dirpath": "PATH", "monitor": "val/loss"}
    assert clean["config"]["data"]["root"] == "PATH"
    assert clean["data"]["path"] == ["PATH"]


def test_an_unknown_root_stays_unknown():
    assert records.without_places(record(config={"data": {"root": None}}))["config"]["data"]["root"] is None


def test_a_command_keeps_all_but_its_places():
    mine = "python -m fer.train --config-dir={} 'data.root={}' 'data.per_class={{train:2,val:1}}' output_dir={} w={}"
    typed = mine.format("c", "/my place/x", "a/b", "/w.pt") + " labels.votes_file=v seed=0"
    kept = mine.replace("'data.root={}'", "data.root={}").format(*["PATH"] * 4) + " labels.votes_file=PATH seed=0"
    assert records.typed(typed) == kept
    assert records.typed(kept) == kept


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("a/seed-0", "a"),
        ("a/seed-10-2", "a"),
        ("seed-1", "defaults"),
        ("a/b/seed-0", "a,b"),
        ("a", "a"),
        (".", "defaults"),
    ],
)
def test_a_run_is_named_by_what_differs(folder, name):
    assert records._name(Path(folder)) == name


def stored(config: dict, seed: int, name: str, command: str = "", **more) -> dict:
    run = {"config": config | {"seed": seed}, "identity": f"{config} {seed}", "status": "finished", "name": name}
    return run | {"command": command, "data": {"fingerprint": "f"}} | more


def test_runs_that_differ_in_anything_are_two_rows():
    """Whatever their folders are called; seeds of one configuration are one row, from old folders and new ones."""
    sgd, adam = {"optimizer": "sgd"}, {"optimizer": "adam"}
    runs = [stored(sgd, 0, "optimizer-sgd"), stored(sgd, 1, "sgd"), stored(adam, 0, "sgd")]
    named = records._named(records._once(runs))
    assert named[0]["name"] == named[1]["name"] != named[2]["name"]


def test_rows_of_one_name_are_told_apart_by_what_was_typed():
    runs = [stored({"m": m}, 0, "sgd", f"python -m fer.train model={m} optimizer=sgd") for m in ("cnn2", "cnn3")]
    assert [run["name"] for run in records._named(runs)] == ["sgd_cnn2", "sgd_cnn3"]


def test_of_starts_of_the_same_run_the_last_that_finished_counts():
    runs = [stored({}, 0, "a", n=1), stored({}, 0, "b", n=2), stored({}, 0, "c", n=3, status="failed")]
    assert [run["n"] for run in records._once(runs)] == [2]


def test_numbers_inside_names_count_by_size():
    names = ["lr-0.0003", "lr-1e-05", "lr-0.01", "size-128", "size-8,lr-1", "size-8", "size-16", "a-x", "3"]
    found = sorted(names, key=records._natural)
    assert found == ["3", "a-x", "lr-1e-05", "lr-0.0003", "lr-0.01", "size-8", "size-8,lr-1", "size-16", "size-128"]


def test_no_file_means_nothing_was_reported(tmp_path):
    assert records.read_claims(tmp_path / "reported.csv").empty
