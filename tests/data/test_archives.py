"""Archives that are hostile, damaged or unusual; what all kinds of places share is tested in test_files."""

import bz2
import gzip
import io
import lzma
import tarfile
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from fer.data.files import files_at
from fer.data.reading import DEFAULT, Limits
from fer.errors import UserError

MB = 1_000_000
CONTENT = {f"train/happy/{number}.png": bytes([number]) * 700 for number in range(5)}


def write_zip(path: Path, content, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in dict(content).items():
            archive.writestr(name, data)
    return path


def member(name: str, data: bytes = b"", **fields) -> tuple[tarfile.TarInfo, io.BytesIO]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, io.BytesIO(data)


def write_tar(path: Path, members, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for info, data in members:
            archive.addfile(info, data)
    return path


def all_of(path: Path, limits: Limits = DEFAULT) -> dict[str, bytes]:
    files = files_at(path, limits)
    return dict(files.read(files.names))


def complaint(read, *arguments) -> str:
    with pytest.raises(UserError) as error:
        read(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def peak(read, *arguments) -> int:
    """Bytes that reading allocates at most."""
    tracemalloc.start()
    try:
        read(*arguments)
    finally:
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return size


# sizes


@pytest.mark.full
@pytest.mark.parametrize(
    ("method", "size", "most"),
    [
        (zipfile.ZIP_STORED, 40 * MB, 10 * MB),
        (zipfile.ZIP_DEFLATED, 40 * MB, 10 * MB),
        (zipfile.ZIP_LZMA, 40 * MB, 20 * MB),
        (zipfile.ZIP_BZIP2, 200 * MB, 150 * MB),  # a block may hold 46 MB
    ],
)
def test_an_entry_beyond_the_limit_is_refused_before_it_fills_the_memory(method, size, most, tmp_path):
    path = write_zip(tmp_path / "x.zip", {"train/happy/x.png": bytes(size)}, method)
    limits = Limits(file=2 * MB)

    def read():
        message = complaint(all_of, path, limits)
        assert "train/happy/x.png: more than 2,000,000 bytes" in message
        assert "data.max_bytes.file=" in message

    assert peak(read) < most


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_an_entry_within_the_limit_is_read_whole(method, tmp_path):
    noise = np.random.default_rng(0).bytes(200_000)
    path = write_zip(tmp_path / "x.zip", {"x.png": noise, "x.csv": b"1\n" + noise.replace(b"\n", b"") + b"\n2"}, method)
    assert all_of(path, Limits(file=200_000))["x.png"] == noise
    assert [line[-2:] for line in files_at(path).lines("x.csv")][::2] == [b"1\n", b"2"]


def test_a_tar_member_beyond_the_limit_is_refused(tmp_path):
    path = write_tar(tmp_path / "x.tar.gz", [member("train/happy/x.png", bytes(5 * MB))], "w:gz")
    assert "x.png: more than 2,000,000 bytes" in complaint(all_of, path, Limits(file=2 * MB))
    assert len(all_of(path, Limits(file=5 * MB))["train/happy/x.png"]) == 5 * MB


def test_a_directory_keeps_to_the_limit_as_well(tmp_path):
    with open(tmp_path / "x.png", "wb") as file:
        file.truncate(1 << 40)  # a terabyte of holes
    message = complaint(all_of, tmp_path, Limits(file=2 * MB))
    assert f"{tmp_path}/x.png: more than 2,000,000 bytes" in message


@pytest.mark.parametrize("pack", [
    lambda path, content: write_zip(path.with_suffix(".zip"), content),
    lambda path, content: write_tar(path.with_suffix(".tar"), [member(*pair) for pair in content.items()]),
    lambda path, content: write_tar(path.with_suffix(".tgz"), [member(*pair) for pair in content.items()], "w:gz"),
])  # fmt: skip
def test_all_entries_together_keep_to_a_limit(pack, tmp_path):
    path = pack(tmp_path / "x", {f"{number}.png": bytes(300_000) for number in range(10)})
    assert len(all_of(path, Limits(total=4 * MB))) == 10
    message = complaint(all_of, path, Limits(total=2 * MB))
    assert f"{path}: more than 2,000,000 bytes in all" in message
    assert "data.max_bytes.total=" in message


@pytest.mark.parametrize("claim", [0, 10, 1 << 31])
def test_the_size_that_a_zip_claims_is_not_believed(claim, tmp_path):
    path = write_zip(tmp_path / "x.zip", {"x.png": bytes(3 * MB)})
    data = path.read_bytes()
    true = (3 * MB).to_bytes(4, "little")
    assert data.count(true) == 2  # beside the entry, and in the directory at the end
    path.write_bytes(data.replace(true, claim.to_bytes(4, "little")))
    limits = Limits(file=2 * MB)
    if claim > limits.file:
        assert "more than 2,000,000 bytes" in complaint(all_of, path, limits)
    else:
        assert "not a readable archive" in complaint(all_of, path, limits)


@pytest.mark.parametrize("kind", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_name_of_many_megabytes_is_refused_unread(kind, tmp_path):
    with gzip.open(tmp_path / "x.tar.gz", "wb") as file:
        info = tarfile.TarInfo("x")
        info.type = b"L" if kind == tarfile.GNU_FORMAT else b"x"
        info.size = 30 * MB
        file.write(info.tobuf())
        for _ in range(30):
            file.write(b"a" * MB)
    read = lambda: complaint(files_at, tmp_path / "x.tar.gz", Limits(file=2 * MB))  # noqa: E731
    assert peak(read) < 10 * MB
    assert "a header of 30,000," in read()


def test_names_that_are_longer_than_a_path_are_refused(tmp_path):
    write_zip(tmp_path / "x.zip", {"a/" * 3000 + "x.png": b"1"})
    assert "has 6,005 characters" in complaint(files_at, tmp_path / "x.zip")


def test_zeros_without_end_behind_a_tar_are_bounded(tmp_path):
    with gzip.open(tmp_path / "x.tar.gz", "wb", compresslevel=1) as file:
        file.write(b"".join(bytes(MB) for _ in range(12)))
    assert "more than 10,000,000 bytes in all" in complaint(files_at, tmp_path / "x.tar.gz", Limits(total=10 * MB))


# lines


def test_a_line_without_end_keeps_the_memory_free(tmp_path):
    path = write_zip(tmp_path / "x.zip", {"fer2013.csv": b"emotion,pixels\n" + bytes(60 * MB)})

    def read():
        assert [len(line) for line in files_at(path).lines("fer2013.csv")] == [15, (1 << 20) + 1]

    assert peak(read) < 10 * MB
    limited = files_at(path, Limits(total=10 * MB))
    message = complaint(lambda: list(limited.lines("fer2013.csv")))
    assert "fer2013.csv: more than 10,000,000 bytes in all" in message
    assert "data.max_bytes.total=" in message


@pytest.mark.parametrize("size", [1 << 20, (1 << 20) + 1, 3 << 20])
def test_lines_behind_a_long_one_are_whole(size, tmp_path):
    long = b"x" * (size - 1) + b"\n"
    (tmp_path / "x.csv").write_bytes(b"1\n" + long + b"\n2\n" + long + b"3")
    write_zip(tmp_path / "x.zip", {"x.csv": (tmp_path / "x.csv").read_bytes()})
    write_tar(tmp_path / "x.tar", [member("x.csv", (tmp_path / "x.csv").read_bytes())])
    cut = long[: (1 << 20) + 1]
    for place in (tmp_path, tmp_path / "x.zip", tmp_path / "x.tar"):
        assert list(files_at(place).lines("x.csv")) == [b"1\n", cut, b"\n", b"2\n", cut, b"3"]


# what a tar holds besides files


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_links_in_a_tar_are_read_as_the_file_they_mean(mode, tmp_path):
    members = [
        member("./sym.png", type=tarfile.SYMTYPE, linkname="train/happy/0.png"),
        member("./train/happy/0.png", b"zero"),
        member("./train/sad/hard.png", type=tarfile.LNKTYPE, linkname="./train/happy/0.png"),
        member("./train/sad/up.png", type=tarfile.SYMTYPE, linkname="../happy/0.png"),
        member("./train/sad/chain.png", type=tarfile.SYMTYPE, linkname="up.png"),
        member("./train/sad/1.png", b"one"),
    ]
    path = write_tar(tmp_path / "x.tar.gz", members, mode)
    expected = {info.name: b"one" if info.name.endswith("1.png") else b"zero" for info, _ in members}
    assert all_of(path) == expected
    assert list(files_at(path).lines("./train/sad/chain.png")) == [b"zero"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "nowhere", "loop.png", "train", ""])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_that_lead_to_no_file_of_the_tar_are_no_files(kind, target, tmp_path):
    members = [member("train/0.png", b"zero"), member("loop.png", type=kind, linkname=target)]
    assert all_of(write_tar(tmp_path / "x.tar", members)) == {"train/0.png": b"zero"}


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE])
def test_what_is_no_file_in_a_tar_is_not_opened(kind, tmp_path):
    members = [member("fer2013.csv", type=kind, devmajor=1, devminor=5), member("x", b"1")]
    assert all_of(write_tar(tmp_path / "x.tar", members)) == {"x": b"1"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_last_of_several_entries_of_one_name_counts(tmp_path):
    write_tar(tmp_path / "x.tar", [member("x", b"old\n"), member("y", b"y"), member("x", b"new\n")])
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        for name, data in (("x", b"old\n"), ("y", b"y"), ("x", b"new\n")):
            archive.writestr(name, data)
    for name in ("x.tar", "x.zip"):
        files = files_at(tmp_path / name)
        assert files.names == ["x", "y"]
        assert dict(files.read(["x", "y"])) == {"x": b"new\n", "y": b"y"}
        assert list(files.lines("x")) == [b"new\n"]


# damage


@pytest.mark.parametrize("opener", [gzip.open, bz2.open, lzma.open])
def test_a_compressed_tar_is_known_by_its_content(opener, tmp_path):
    plain = write_tar(tmp_path / "plain.tar", [member(*pair) for pair in CONTENT.items()]).read_bytes()
    with opener(tmp_path / "x.tar.gz", "wb") as file:
        file.write(plain)
    assert all_of(tmp_path / "x.tar.gz") == CONTENT


def test_a_plain_tar_that_breaks_off_anywhere_is_refused(tmp_path):
    """tarfile itself returns the members before the break."""
    path = write_tar(tmp_path / "x.tar", [member(*pair) for pair in CONTENT.items()])
    whole = path.read_bytes()
    end = whole.rindex(CONTENT["train/happy/4.png"][-1:]) + 1
    random = np.random.default_rng(0)
    for size in [*range(0, end, 512), *random.integers(0, end, 50)]:
        path.write_bytes(whole[:size])
        assert "not a readable archive" in complaint(files_at, path)


def test_a_plain_tar_with_any_changed_byte_in_a_header_is_refused(tmp_path):
    path = write_tar(tmp_path / "x.tar", [member(*pair) for pair in CONTENT.items()])
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for start in range(0, 5 * 1536, 1536):  # a header of 512 bytes and 700 of content
        for place in start + random.integers(0, 148, 20):  # the checksum stands behind them
            data = bytearray(whole)
            data[place] ^= 1 << random.integers(7)  # tarfile knows a signed checksum, too
            path.write_bytes(data)
            assert "not a readable archive" in complaint(files_at, path)


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_any_damage_is_a_line_or_changes_nothing(name, tmp_path):
    path = tmp_path / name
    if name == "x.zip":
        write_zip(path, CONTENT)
    else:
        write_tar(path, [member(*pair) for pair in CONTENT.items()], "w:gz")
    whole, random = path.read_bytes(), np.random.default_rng(0)
    for _ in range(400):
        data = bytearray(whole[: len(whole) if random.random() < 0.8 else random.integers(len(whole))])
        for _ in range(random.integers(1, 4)):
            if data:
                data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(data)
        with suppress(UserError):  # and nothing else
            assert set(all_of(path).values()) <= set(CONTENT.values())  # names have no checksum
