import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from omegaconf import OmegaConf

from fer import runs
from fer.config import compose_config
from fer.errors import UserError


def identity(*overrides: str, fingerprint: str = "a") -> str:
    return runs.identity(compose_config(["output_dir=x", *overrides]), fingerprint)


def test_a_run_is_recognised_by_its_config():
    assert identity() == identity()
    assert identity("optimizer.lr=0.2") != identity()
    assert identity("seed=1") != identity()


def test_a_run_is_recognised_by_its_data():
    assert identity(fingerprint="b") != identity()


def test_paths_do_not_make_another_run():
    assert identity("data.root=/elsewhere", "output_dir=y", "study=z") == identity()


@pytest.mark.parametrize("other", ["logger.csv._target_=lightning.pytorch.loggers.CSVLogger", "data.eval_batch_size=7"])
def test_runs_of_earlier_versions_are_recognised(other):
    assert identity(other) == identity()


def test_options_that_are_newer_than_a_run_do_not_make_it_another():
    cfg = compose_config(["output_dir=x"])
    before = cfg.copy()
    OmegaConf.set_struct(before, False)
    for node, key in (("data", "max_bytes"), ("data", "numbers"), ("labels", "numbers")):
        del before[node][key]
    assert runs.identity(before, "a") == runs.identity(cfg, "a")


def test_limits_do_not_make_another_run_and_numbers_do():
    assert identity("data.max_bytes.file=1", "data.max_bytes.total=2") == identity()
    names = [identity(f"labels.numbers={value}") for value in ("fer2013", "rafdb", "{1: happy}", "{1: happy, 2: sad}")]
    assert len({identity(), *names}) == 5


def test_a_taken_folder_is_left_alone(tmp_path):
    names = []
    for _ in range(3):
        folder, lock = runs.claim(tmp_path / "run")
        runs.write_config(folder / runs.CONFIG, {"seed": 0})
        lock.release()
        names.append(folder.name)
    assert names == ["run", "run-2", "run-3"]


def test_a_folder_without_a_config_is_free_again_once_its_process_is_gone(tmp_path):
    _, lock = runs.claim(tmp_path / "run")
    assert runs.claim(tmp_path / "run")[0].name == "run-2"
    lock.release()
    assert runs.claim(tmp_path / "run")[0].name == "run"


def test_two_starts_at_once_get_two_folders(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: runs.claim(tmp_path / "run"), range(16)))
    assert len({folder for folder, _ in claimed}) == 16


def test_a_run_in_work_cannot_be_reopened(tmp_path):
    folder, lock = runs.claim(tmp_path / "run")
    with pytest.raises(UserError, match="another process works on this run"):
        runs.reopen(folder)
    lock.release()
    assert runs.reopen(folder)[0] == folder


def test_paths_move_with_their_folder_and_others_stay():
    node = {"/a/run": ["/a/run/x", "/a/running", {"p": "/a/run"}], "n": 1}
    assert runs.moved(node, "/a/run", "/b") == {"/b": ["/b/x", "/a/running", {"p": "/b"}], "n": 1}


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match="output_dir=PATH"):
            runs.claim(folder)


def test_json_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "metrics.json"
    for value in (1, 2):
        runs.write_json(path, {"value": value})
    assert json.loads(path.read_text()) == {"value": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]
