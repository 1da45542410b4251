from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fer import run_folders, runs
from fer.errors import UserError


def stored(folder: Path, name: str, status: str = "failed") -> Path:
    folder.mkdir(parents=True)
    runs.write_config(folder / runs.CONFIG, {"seed": 0})
    data = {"fingerprint": "f", "path": [], "counts": {}}
    runs.write_json(folder / runs.METRICS, {"identity": name, "status": status, "config": {}, "data": data})
    return folder


def test_a_run_is_found_by_its_identity_wherever_in_its_study_it_lies(tmp_path):
    study = tmp_path / "s"
    old = stored(study / "model-cnn3,optimizer-sgd" / "seed-0", "a", "finished")
    stored(study / "cnn3_sgd" / "seed-0", "a")
    stored(study / "cnn3_sgd" / "seed-1", "b")
    folder, record = run_folders.earlier(study / "sgd" / "seed-0", "s", "a")
    assert (folder, record["status"]) == (old, "finished")
    assert run_folders.earlier(study / "sgd" / "seed-0", "s", "c") is None


def test_a_run_is_not_looked_for_in_other_studies_or_in_a_runs_own_folders(tmp_path):
    run = stored(tmp_path / "other" / "x" / "seed-0", "a")
    stored(tmp_path / "s" / "y" / "seed-0", "b")
    stored(tmp_path / "s" / "y" / "seed-0" / "copy", "a")
    assert run_folders.earlier(tmp_path / "s" / "x" / "seed-0", "s", "a") is None
    assert run_folders.earlier(run, "elsewhere", "a")[0] == run


def test_a_damaged_record_is_passed_over(tmp_path):
    (stored(tmp_path / "s" / "x" / "seed-0", "a") / runs.METRICS).write_text("{")
    good = stored(tmp_path / "s" / "y" / "seed-0", "a")
    assert run_folders.earlier(tmp_path / "s" / "z" / "seed-0", "s", "a")[0] == good


def test_a_taken_folder_is_left_alone(tmp_path):
    names = []
    for _ in range(3):
        folder, lock = run_folders.claim(tmp_path / "run")
        runs.write_config(folder / runs.CONFIG, {"seed": 0})
        lock.release()
        names.append(folder.name)
    assert names == ["run", "run-2", "run-3"]


def test_a_folder_without_a_config_is_free_again_once_its_process_is_gone(tmp_path):
    _, lock = run_folders.claim(tmp_path / "run")
    assert run_folders.claim(tmp_path / "run")[0].name == "run-2"
    lock.release()
    assert run_folders.claim(tmp_path / "run")[0].name == "run"


def test_two_starts_at_once_get_two_folders(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: run_folders.claim(tmp_path / "run"), range(16)))
    assert len({folder for folder, _ in claimed}) == 16


def test_a_run_in_work_cannot_be_reopened(tmp_path):
    folder, lock = run_folders.claim(tmp_path / "run")
    with pytest.raises(UserError, match="another process works on this run"):
        run_folders.reopen(folder)
    lock.release()
    assert run_folders.reopen(folder)[0] == folder


def test_a_place_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(UserError, match="output_dir=PATH"):
            run_folders.claim(folder)
