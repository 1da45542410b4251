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
