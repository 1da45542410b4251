import json

from fer import runs


def test_paths_move_with_their_folder_and_others_stay():
    node = {"/a/run": ["/a/run/x", "/a/running", {"p": "/a/run"}], "n": 1}
    assert runs.moved(node, "/a/run", "/b") == {"/b": ["/b/x", "/a/running", {"p": "/b"}], "n": 1}


def test_json_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "metrics.json"
    for value in (1, 2):
        runs.write_json(path, {"value": value})
    assert json.loads(path.read_text()) == {"value": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_the_folder_of_a_run_is_moved_and_other_words_stay():
    config = {"output_dir": "same", "model": {"padding": "same"}, "logger": {"a": {"save_dir": "same"}}}
    config["callbacks"] = {"best": {"dirpath": "same/checkpoints", "mode": "same"}}
    moved = runs.moved(config, "same", "same-2")
    assert moved["model"] == {"padding": "same"}
    assert moved["callbacks"] == {"best": {"dirpath": "same-2/checkpoints", "mode": "same"}}
    assert (moved["output_dir"], moved["logger"]) == ("same-2", {"a": {"save_dir": "same-2"}})
    assert runs.moved(["runs/a", "runs/ab"], "runs/a", "b") == ["b", "runs/ab"]
