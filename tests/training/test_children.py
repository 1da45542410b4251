import os

import pytest

from fer.training.children import cores_of, last_line, pin, share


@pytest.mark.parametrize(("jobs", "threads"), [(1, 8), (2, 4), (3, 2), (16, 1)])
def test_children_share_the_cores(jobs, threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert share(0, jobs, gpus=None)["OMP_NUM_THREADS"] == str(threads)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [(1, [[3, 4, 5, 9]]), (2, [[3, 4], [5, 9]]), (3, [[3], [4], [5]]), (6, [[3], [4], [5], [9], [3], [4]])],
)
def test_no_core_is_shared_before_all_are_taken(jobs, expected):
    assert [cores_of(slot, jobs, [3, 4, 5, 9]) for slot in range(jobs)] == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system pins no process")
def test_a_child_stays_on_its_cores_unless_it_has_a_gpu(monkeypatch):
    pinned = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: pinned.update({pid: cores}))
    pin(123, 1, 2, gpus=None)
    pin(124, 1, 2, gpus=[0, 1])
    assert pinned == {123: [4, 5, 6, 7]}


def test_children_take_turns_on_the_gpus():
    assert [share(slot, 4, gpus=[2, 5])["CUDA_VISIBLE_DEVICES"] for slot in range(4)] == ["2", "5", "2", "5"]


@pytest.mark.parametrize(
    ("text", "expected"), [("a\nerror: b\n\n", "b"), ("", "no output"), ("no line break", "no line break")]
)
def test_the_last_line_of_a_log_is_the_error(text, expected, tmp_path):
    (tmp_path / "log").write_text(text)
    assert last_line(tmp_path / "log") == expected
