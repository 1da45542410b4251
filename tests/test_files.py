"""Files are whole under their final names, whatever ends the writing."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from fer import files
from fer.errors import FULL, Interrupted, UserError, one_line_errors
from fer.files import Unwritable, atomic, save_figure


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("mode", "content"), [("w", "é\n"), ("wb", b"\x00\r\n")])
def test_the_new_content_replaces_the_old_as_a_whole(mode, content, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic(path, mode) as file:
        file.write(content)
        file.flush()
        assert path.read_text() == "old"
    assert path.read_bytes() == (content if mode == "wb" else content.encode())
    assert names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [KeyError("mine"), Interrupted(signal.SIGTERM), FileNotFoundError(2, "no", "other")])
def test_an_error_of_the_caller_passes_and_the_old_content_stays(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with atomic(path) as file:
            file.write("half")
            raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert raised.value is error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_files_get_the_permissions_of_the_user(tmp_path):
    (tmp_path / "plain").touch()
    with atomic(tmp_path / "ours") as file:
        file.write("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("number", FULL)
def test_a_full_disk_is_told_with_the_file_and_what_to_do(number, tmp_path):
    with pytest.raises(Unwritable) as raised, atomic(tmp_path / "a.txt"):
        raise OSError(number, os.strerror(number))
    said = str(raised.value)
    assert str(tmp_path / "a.txt") in said
    assert os.strerror(number) in said
    assert "make room" in said
    assert "\n" not in said
    assert names(tmp_path) == []


@pytest.mark.parametrize("place", ["missing/a.txt", "file/a.txt", "folder"])
def test_a_place_that_takes_no_file_is_one_line(place, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    before = names(tmp_path)
    with pytest.raises(Unwritable, match="cannot be written"), atomic(tmp_path / place) as file:
        file.write("x")
    assert names(tmp_path) == before


@pytest.mark.parametrize("wrap", [RuntimeError, ValueError])
def test_a_full_disk_behind_another_error_is_found(wrap):
    def fail() -> None:
        try:
            raise OSError(errno.ENOSPC, "full")
        except OSError:
            raise wrap("something") from None

    with pytest.raises(wrap) as raised:
        fail()
    assert files.full_disk(raised.value).errno == errno.ENOSPC


def test_other_errors_are_no_full_disk():
    assert files.full_disk(OSError(errno.EACCES, "no")) is None
    assert files.full_disk(UserError("x")) is None


def test_every_command_answers_a_full_disk_with_a_line(capsys):
    with pytest.raises(SystemExit) as ended, one_line_errors():
        raise OSError(errno.ENOSPC, "No space left on device", "x.csv")
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: x.csv: cannot be written (No space left on device)")
    with pytest.raises(OSError, match="other"), one_line_errors():
        raise OSError(errno.EACCES, "other")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    code = f"""
import os
from fer.files import atomic
with atomic({str(tmp_path / "a.txt")!r}) as file:
    file.write("half")
    file.flush()
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    (tmp_path / "b.partial").touch()
    assert len(names(tmp_path)) == 2
    files.remove_partial(tmp_path)
    assert names(tmp_path) == ["b.partial"]


def test_a_damaged_file_keeps_its_content_under_another_name(tmp_path):
    for content in ("1", "2"):
        (tmp_path / "a").write_text(content)
        files.put_aside(tmp_path / "a")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.damaged": "1", "a.damaged-2": "2"}


def test_threads_are_quiet_about_full_disks_only(monkeypatch):
    said = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: said.append(arguments.exc_value.errno))

    def failing(number: int) -> None:
        raise OSError(number, "text")

    with files.quiet_threads():
        for number in (errno.ENOSPC, errno.EIO):
            thread = threading.Thread(target=failing, args=(number,))
            thread.start()
            thread.join()
    assert said == [errno.EIO]


@pytest.mark.skipif(sys.platform == "win32", reason="no such limit there")
def test_torch_on_a_full_disk_leaves_the_old_checkpoint(tmp_path):
    import torch

    path = tmp_path / "a.ckpt"
    torch.save({"a": 1}, path)
    before = path.read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(Unwritable, match="File too large"), atomic(path, "wb") as file:
            torch.save({"a": torch.zeros(100_000)}, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == before
    assert names(tmp_path) == ["a.ckpt"]


def test_a_picture_of_few_colours_looks_the_same_and_is_smaller(tmp_path):
    figure, axes = plt.subplots()
    axes.imshow(np.arange(100).reshape(10, 10), cmap="viridis")
    save_figure(figure, tmp_path / "all.png")
    save_figure(figure, tmp_path / "few.png", colours=256)
    plt.close(figure)
    every, few = (np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int) for name in ("all.png", "few.png"))
    assert np.abs(every - few).mean() < 1
    assert (tmp_path / "few.png").stat().st_size < 0.7 * (tmp_path / "all.png").stat().st_size
