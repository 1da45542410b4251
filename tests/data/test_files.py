import io
import os
import random
import socket
import tarfile
import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from fer.data.files import files_at
from fer.data.reading import is_junk
from fer.errors import UserError

CONTENT = {"a/one.txt": b"1\n2\n", "a/b/two.txt": random.Random(0).randbytes(100_000), "three.txt": b""}
JUNK = (".DS_Store", "__MACOSX/a/._one.txt", "a/Thumbs.db", "a/desktop.ini", "a/.hidden/x.txt", "a/b/THUMBS.DB")


def write_directory(root: Path) -> Path:
    for name, data in (CONTENT | dict.fromkeys(JUNK, b"junk")).items():
        (root / "files" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "files" / name).write_bytes(data)
    return root / "files"


def write_zip(root: Path) -> Path:
    with zipfile.ZipFile(root / "files.ZIP", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("empty")
        for name, data in (CONTENT | dict.fromkeys(JUNK, b"junk")).items():
            archive.writestr(name, data)
    return root / "files.ZIP"


def write_tar(root: Path, name: str = "files.tar.gz", mode: str = "w:gz") -> Path:
    with tarfile.open(root / name, mode) as archive:
        for path, data in (CONTENT | dict.fromkeys(JUNK, b"junk")).items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return root / name


WRITERS = [write_directory, write_zip, write_tar]


@pytest.mark.parametrize("write", WRITERS)
def test_names_are_sorted_and_without_junk(write, tmp_path):
    assert files_at(write(tmp_path)).names == sorted(CONTENT)


@pytest.mark.parametrize("write", WRITERS)
def test_every_file_is_read_whole(write, tmp_path):
    assert dict(files_at(write(tmp_path)).read(CONTENT)) == CONTENT


@pytest.mark.parametrize("write", WRITERS)
def test_lines_are_those_of_the_file(write, tmp_path):
    assert list(files_at(write(tmp_path)).lines("a/one.txt")) == [b"1\n", b"2\n"]


@pytest.mark.parametrize("ending", [".tgz", ".tar", ".TAR.GZ"])
def test_tars_by_other_endings_are_read(ending, tmp_path):
    assert files_at(write_tar(tmp_path, f"files{ending}", "w" if ending == ".tar" else "w:gz")).names == sorted(CONTENT)


def test_a_single_file_stands_alone(tmp_path):
    write_directory(tmp_path)
    assert files_at(tmp_path / "files" / "three.txt").names == ["three.txt"]


def test_stamps_tell_size_times_and_inode(tmp_path):
    (tmp_path / "x").write_bytes(b"123")
    os.utime(tmp_path / "x", ns=(5, 7))
    status = (tmp_path / "x").stat()
    expected = [("x", 3, 7, status.st_ctime_ns, status.st_ino)]
    assert files_at(tmp_path).stamps == files_at(tmp_path / "x").stamps == expected


def test_a_link_to_a_folder_is_followed_but_not_in_circles(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "x").touch()
    (tmp_path / "in" / "deep" / "up").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "in" / "deep")
    assert files_at(tmp_path / "in").names == ["deep/x", "other/x"]


def test_links_that_lead_elsewhere_are_read_as_if_all_lay_here(tmp_path):
    for part in ("train", "test"):
        (tmp_path / "pool" / part / "happy").mkdir(parents=True)
        (tmp_path / "pool" / part / "happy" / "x").touch()
        (tmp_path / "here" / part).parent.mkdir(exist_ok=True)
        (tmp_path / "here" / part).symlink_to(tmp_path / "pool" / part)
    (tmp_path / "here" / "val").symlink_to(tmp_path / "here" / "test")
    (tmp_path / "here" / "one").symlink_to(tmp_path / "pool" / "test" / "happy" / "x")
    assert files_at(tmp_path / "here").names == ["one", "test/happy/x", "train/happy/x", "val/happy/x"]


@pytest.mark.parametrize("count", [10, 40])
def test_folders_that_link_to_each_other_end_in_a_line(count, tmp_path):
    """All paths through ten such folders would be millions."""
    folders = [tmp_path / f"f{number}" for number in range(count)]
    for folder in folders:
        folder.mkdir()
        for other in folders:
            if other != folder:
                (folder / f"to_{other.name}").symlink_to(other)
    with pytest.raises(UserError, match=r"links between folders lead here .* remove such links"):
        files_at(tmp_path)


def test_two_folders_that_link_to_each_other_are_read(tmp_path):
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
        (tmp_path / name / f"to_{other}").symlink_to(tmp_path / other)
    assert files_at(tmp_path).names == ["a/to_b/x", "a/x", "b/to_a/x", "b/x"]


def test_folders_may_lie_deep_but_not_without_end(tmp_path):
    deepest = tmp_path.joinpath(*["a"] * 64)
    deepest.mkdir(parents=True)
    (deepest / "x").touch()
    assert files_at(tmp_path).names == ["a/" * 64 + "x"]
    for _ in range(6):  # beyond the greatest length of a path
        (tmp_path / "top").mkdir()
        (tmp_path / "a").rename(tmp_path / "top" / "a")
        deep = tmp_path / "top"
        for _ in range(60):
            (tmp_path / "b").mkdir()
            deep.rename(tmp_path / "b" / "a")
            deep = (tmp_path / "b").rename(tmp_path / "c")
        deep.rename(tmp_path / "a")
    with pytest.raises(UserError, match=r"more than 64 folders inside each other"):
        files_at(tmp_path)


def test_a_name_as_long_as_a_path_can_be_is_refused(tmp_path):
    folder = tmp_path
    for letter in "abcd":
        folder = folder / (letter * 250)
    folder.mkdir(parents=True)
    (folder / "x").touch()
    with pytest.raises(UserError, match=r"the name a+… has 1,005 characters"):
        files_at(tmp_path)


@contextmanager
def special(kind: str, path: Path):
    """Something at `path` that is not a regular file."""
    if kind == "a FIFO":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        holder = socket.socket(socket.AF_UNIX)
        short = tempfile.mkdtemp()  # paths of sockets are short
        holder.bind(f"{short}/s")
        path.symlink_to(f"{short}/s")
        with holder:
            yield
        return
    yield


@pytest.mark.parametrize("name", ["fer2013.csv", "x.zip", "x.tar.gz", "x.png", "x"])
@pytest.mark.parametrize("kind", ["a FIFO", "a device", "a socket"])
def test_what_is_not_a_regular_file_is_refused_unopened(kind, name, tmp_path):
    (tmp_path / "in").mkdir()
    with special(kind, tmp_path / "in" / name):
        with pytest.raises(UserError, match=f"{name}: {kind}, not a regular file"):
            files_at(tmp_path / "in" / name)
        folder = files_at(tmp_path / "in")
        for read in (lambda: next(folder.lines(name)), lambda: next(folder.read([name]))):
            with pytest.raises(UserError, match=f"{name}: {kind}, not a regular file"):
                read()


def test_a_dangling_link_is_no_file(tmp_path):
    (tmp_path / "x").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    (tmp_path / "one").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / "one")
    assert files_at(tmp_path).names == []


def refuse(path: Path) -> str:
    """What reading everything at `path` says."""
    with pytest.raises(UserError) as error:
        list(files_at(path).read(CONTENT))
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar"])
@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100])
def test_what_is_no_archive_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert "not a readable archive" in refuse(tmp_path / name)


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_truncated_archive_is_refused(write, tmp_path):
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[:-300])
    assert "not a readable archive" in refuse(path)


@pytest.mark.parametrize("write", [write_zip, write_tar])
def test_a_damaged_archive_is_refused(write, tmp_path):
    path = write(tmp_path)
    data = bytearray(path.read_bytes())
    start = len(data) // 2
    data[start : start + 40] = bytes(40)
    path.write_bytes(data)
    assert "not a readable archive" in refuse(path)


def test_an_encrypted_zip_is_refused(tmp_path):
    path = write_zip(tmp_path)
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = data.find(signature)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(signature, at + 4)
    path.write_bytes(data)
    assert "password" in refuse(path)


def test_a_file_without_permission_is_one_line(tmp_path, monkeypatch):
    def refuse_to_open(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    write_directory(tmp_path)
    files = files_at(tmp_path / "files")
    monkeypatch.setattr("builtins.open", refuse_to_open)
    with pytest.raises(UserError, match=r"one.txt: cannot be read .*Permission denied"):
        list(files.lines("a/one.txt"))


@pytest.mark.parametrize("name", ["./a/x.jpg", "../a/x.jpg", "a/b.c/x.jpg"])
def test_dots_in_paths_are_no_junk(name):
    assert not is_junk(name)
