import os

import pytest

from fer.training.children import last_line, share


@pytest.mark.parametrize(("jobs", "threads"), [(1, 8), (2, 4), (3, 2), (16, 1)])
def test_children_share_the_cores(jobs, threads, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert share(0, jobs, gpus=None)["OMP_NUM_THREADS"] == str(threads)


def test_children_take_turns_on_the_gpus():
    assert [share(slot, 4, gpus=[2, 5])["CUDA_VISIBLE_DEVICES"] for slot in range(4)] == ["2", "5", "2", "5"]


@pytest.mark.parametrize(
    ("text", "expected"), [("a\nerror: b\n\n", "b"), ("", "no output"), ("no line break", "no line break")]
)
def test_the_last_line_of_a_log_is_the_error(text, expected, tmp_path):
    (tmp_path / "log").write_text(text)
    assert last_line(tmp_path / "log") == expected
