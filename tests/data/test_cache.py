import dataclasses
import io
import json
import multiprocessing
import os
import tarfile
import time
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.data import cache
from fer.data.cache import UNUSABLE, arrays_of, cached_faces, load
from fer.data.fer2013 import read_fer2013
from fer.data.sources import read_faces
from fer.errors import UserError


def same(a, b) -> bool:
    names = [field.name for field in fields(a)]
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


@pytest.fixture
def csv(tmp_path, faces, write_csv):
    return write_csv(tmp_path / "fer2013.csv", faces)


def forbidden(*_args, **_options):
    raise AssertionError("parsed again")


def only_file() -> Path:
    (path,) = cache.cache_folder().iterdir()
    return path


def test_a_second_read_returns_the_same_without_parsing(csv, monkeypatch):
    first, _ = read_faces("fer2013", str(csv))
    monkeypatch.setattr("fer.data.csv_faces.Parser.parse", forbidden)
    second, _ = read_faces("fer2013", str(csv))
    assert same(first, second)
    assert len(first.fingerprint) == 16


def test_the_faces_read_last_stay_in_memory_until_their_file_changes(csv, faces, write_csv, monkeypatch):
    with cache.kept_in_memory():
        first, _ = read_faces("fer2013", str(csv))
        with monkeypatch.context() as patch:
            patch.setattr(cache, "load_or_build", forbidden)
            assert read_faces("fer2013", str(csv))[0] is first
        write_csv(csv, faces.take(np.arange(5)))
        assert len(read_faces("fer2013", str(csv))[0]) == 5
    second, _ = read_faces("fer2013", str(csv))
    assert second is not read_faces("fer2013", str(csv))[0]


def test_pictures_and_archives_are_not_opened_again(tmp_path, layout, packing, faces, monkeypatch):
    (tmp_path / "above" / "here").mkdir(parents=True)
    layout(tmp_path / "above" / "here", faces)
    root = str(packing(tmp_path / "above" / "here"))
    first, _ = read_faces("fer2013", root)
    for name in ("files.ZipArchive", "files.TarArchive", "decoding.to_face", "csv_faces.Parser.parse"):
        monkeypatch.setattr(f"fer.data.{name}", forbidden)
    assert same(first, read_faces("fer2013", root)[0])


def test_own_pictures_are_cached_apart_from_fer2013(tmp_path, faces, write_pictures):
    root = str(write_pictures(tmp_path / "x", faces, "train/{emotion}/{row}.png"))
    assert read_faces("fer2013", root)[0].classes != read_faces("folder", root)[0].classes


def test_a_changed_file_is_read_again(csv, faces, write_csv):
    read_faces("fer2013", str(csv))
    write_csv(csv, faces.take(np.arange(5)))
    assert len(read_faces("fer2013", str(csv))[0]) == 5


def test_a_file_of_the_same_size_but_another_time_is_read_again(csv):
    read_faces("fer2013", str(csv))
    text, then = csv.read_bytes(), csv.stat().st_mtime_ns
    csv.write_bytes(text.replace(b"\n0,", b"\n1,"))
    os.utime(csv, ns=(then + 1, then + 1))
    assert 0 not in read_faces("fer2013", str(csv))[0].labels


def overwrite(path: Path, data: bytes) -> None:
    """As `cp -p` does: the same inode."""
    path.write_bytes(data)


def replace(path: Path, data: bytes) -> None:
    """As `rsync -t` does: another inode."""
    path.with_name("new").write_bytes(data)
    os.replace(path.with_name("new"), path)


def swap(path: Path, data: bytes) -> None:
    """As `mv` does: two files that were there before, so that perhaps neither's content changes now."""
    (path.parent.parent / "other").write_bytes(data)
    os.replace(path, path.parent.parent / "old")
    os.replace(path.parent.parent / "other", path)


@pytest.mark.parametrize("put", [overwrite, replace, swap])
@pytest.mark.parametrize("name", ["fer2013.csv", "train/happy/0.png", "x.zip", "x.tar"])
@pytest.mark.parametrize("named", ["file", "folder"])
def test_a_file_of_the_same_size_and_time_is_read_again(named, name, put, tmp_path, make_faces, write_csv):
    def write(path: Path, pixel: int) -> Path:
        images = np.full((1, 48, 48), pixel, np.uint8)
        images[0, 0] = np.arange(48)  # PNG stores both in the same size
        faces = dataclasses.replace(make_faces([3], usage=0), images=images)
        if name.endswith("csv"):
            return write_csv(path, faces)
        picture = io.BytesIO()
        Image.fromarray(images[0]).save(picture, "BMP")
        content = picture.getvalue()
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("zip"):
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("train/happy/0.bmp", content)
        elif name.endswith("tar"):
            with tarfile.open(path, "w") as archive:
                info = tarfile.TarInfo("train/happy/0.bmp")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
        else:
            path.write_bytes(content)
        return path

    path, other = write(tmp_path / "up" / "in" / name, 111), write(tmp_path / "elsewhere" / name, 222)
    root = path if named == "file" and not name.endswith("png") else tmp_path / "up" / "in"
    before, status = read_faces("fer2013", str(root))[0], path.stat()
    time.sleep(0.02)  # the clock of file systems has ticks
    put(path, other.read_bytes())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    after = read_faces("fer2013", str(root))[0]
    assert (before.images[0, 1:] == 111).all()
    assert (after.images[0, 1:] == 222).all()


def test_a_picture_more_or_less_is_seen(tmp_path, faces, write_pictures):
    root = write_pictures(tmp_path / "x", faces, "train/{emotion}/{row}.png")
    read_faces("fer2013", str(root))
    (root / "train" / "happy" / "3.png").unlink()
    assert len(read_faces("fer2013", str(root))[0]) == len(faces) - 1


def test_a_place_has_one_file_however_often_it_changes(csv, faces, write_csv):
    for count in (5, 6, 7):
        write_csv(csv, faces.take(np.arange(count)))
        read_faces("fer2013", str(csv))
    assert only_file()


def test_the_place_itself_matters_even_if_the_files_are_the_same(tmp_path, faces, write_pictures):
    write_pictures(tmp_path / "up" / "train", faces, "{emotion}/{row}.png")
    assert set(read_faces("fer2013", str(tmp_path / "up" / "train"))[0].folder) == {0}
    (tmp_path / "up" / "train").rename(tmp_path / "up" / "misc")
    assert set(read_faces("fer2013", str(tmp_path / "up" / "misc"))[0].folder) == {-1}


def test_changed_code_reads_again(csv, monkeypatch):
    read_faces("fer2013", str(csv))
    monkeypatch.setattr(cache, "code", lambda: "newer")
    monkeypatch.setattr("fer.data.csv_faces.Parser.parse", forbidden)
    with pytest.raises(AssertionError, match="parsed again"):
        read_faces("fer2013", str(csv))


def test_relative_and_absolute_paths_share_a_file(csv, monkeypatch):
    first, _ = read_faces("fer2013", str(csv))
    monkeypatch.chdir(csv.parent)
    monkeypatch.setattr("fer.data.csv_faces.Parser.parse", forbidden)
    assert same(first, read_faces("fer2013", csv.name)[0])


def test_notes_are_shown_again_from_the_cache(csv):
    csv.write_bytes(csv.read_bytes() + b"garbage\n")
    notes = [read_faces("fer2013", str(csv), on_bad_row="skip")[0].notes for _ in range(2)]
    assert notes[0] == notes[1] == (f"{csv}: 1 bad row skipped",)


def test_what_was_skipped_once_is_still_an_error_without_skip(csv):
    csv.write_bytes(csv.read_bytes() + b"garbage\n")
    read_faces("fer2013", str(csv), on_bad_row="skip")
    with pytest.raises(UserError, match="1 fields"):
        read_faces("fer2013", str(csv))


def test_one_flipped_bit_anywhere_changes_no_array(faces):
    expected = arrays_of(faces.stamped())
    cached_faces(["x"], None, lambda: faces)
    path = only_file()
    good = path.read_bytes()
    with np.load(path) as stored:
        key = json.loads(str(stored["header"]))["key"]
    random = np.random.default_rng(0)
    places = [0, 5, 8, 10, 60, 130, *range(len(good) - 600, len(good)), *random.integers(0, len(good), 300)]
    rejected = 0
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << random.integers(8)
        path.write_bytes(bad)
        try:
            arrays = load(path, key)
        except UNUSABLE:
            rejected += 1
        else:  # a bit that says nothing about the content, such as a time stamp
            assert arrays.keys() == expected.keys()
            assert all(np.array_equal(arrays[name], expected[name]) for name in expected)
    assert rejected > 300
    path.write_bytes(good)
    assert same(cached_faces(["x"], None, forbidden), faces.stamped())


@pytest.mark.parametrize("keep", [0, 1, 3, 4, 100, 50_000, -1, -4, -100])
def test_a_truncated_file_is_built_again(keep, csv):
    first, _ = read_faces("fer2013", str(csv))
    only_file().write_bytes(only_file().read_bytes()[:keep])
    assert same(first, read_faces("fer2013", str(csv))[0])
    assert same(first, read_faces("fer2013", str(csv))[0])


@pytest.mark.parametrize("content", [bytes(5000), b"something else entirely", b""])
def test_a_foreign_file_is_built_again_and_replaced(content, csv, monkeypatch):
    first, _ = read_faces("fer2013", str(csv))
    only_file().write_bytes(content)
    assert same(first, read_faces("fer2013", str(csv))[0])
    monkeypatch.setattr("fer.data.csv_faces.Parser.parse", forbidden)
    assert same(first, read_faces("fer2013", str(csv))[0])


def test_a_flipped_pixel_is_built_again(csv, faces):
    first, _ = read_faces("fer2013", str(csv))
    data = bytearray(only_file().read_bytes())
    at = data.find(faces.images[20].tobytes())
    data[at + 1000] ^= 1
    only_file().write_bytes(data)
    assert same(first, read_faces("fer2013", str(csv))[0])


@pytest.mark.parametrize("obstacle", ["file in the way", "full disk"])
def test_everything_works_without_a_writable_cache(obstacle, csv, tmp_path, monkeypatch):
    if obstacle == "file in the way":
        (tmp_path / "file").touch()
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    else:
        monkeypatch.setattr(os, "replace", raiser(OSError(28, "No space left on device")))
    assert same(read_faces("fer2013", str(csv))[0], read_fer2013([csv]).stamped())
    assert not cache.cache_folder().is_dir() or not list(cache.cache_folder().iterdir())


def raiser(error):
    def fail(*_args):
        raise error

    return fail


def test_users_without_a_home_get_a_temporary_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    assert cache.cache_folder() == tmp_path / ".cache" / "fer"


def _read(path, barrier, queue):
    barrier.wait()
    queue.put(read_faces("fer2013", path)[0].fingerprint)


def test_processes_that_start_at_once_are_all_right(csv):
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(3), context.Queue()
    processes = [context.Process(target=_read, args=(str(csv), barrier, queue)) for _ in range(3)]
    for process in processes:
        process.start()
    fingerprints = {queue.get(timeout=30) for _ in processes}
    for process in processes:
        process.join()
    assert fingerprints == {read_fer2013([csv]).stamped().fingerprint}
    assert only_file()
