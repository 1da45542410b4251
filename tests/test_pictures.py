"""Files that are damaged, cut, hostile or too large, of every format; against the same pictures undamaged."""

import io
import os
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFile, features

from fer import picture_kinds
from fer.pictures import FORMATS, KINDS, SUFFIXES, TooLarge, Unreadable, decode, size_of
from fer.preprocess import to_face

GREY = np.clip(np.random.default_rng(0).normal(0, 6, (40, 48)).cumsum(1) + 128, 0, 255).astype(np.uint8)
COLOURS = np.stack([GREY, GREY[::-1], 255 - GREY], axis=2)
FLIPS = 300


def stored(pixels: np.ndarray | Image.Image, kind: str, **options) -> bytes:
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


def interlaced(grey: np.ndarray) -> bytes:
    """A PNG in Adam7, which Pillow reads and does not write."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.tobytes() for top, left, down, right in passes for row in grey[top::down, left::right] if len(row)
    )
    height, width = grey.shape
    header = width.to_bytes(4) + height.to_bytes(4) + bytes((8, 0, 0, 0, 1))
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    checked = [len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(checked)


PNGS = {
    "grey": stored(GREY, "PNG"),
    "RGB": stored(COLOURS, "PNG"),
    "palette": stored(Image.fromarray(COLOURS).quantize(16), "PNG"),
    "transparent palette": stored(Image.fromarray(COLOURS).quantize(16), "PNG", transparency=3),
    "16 bit": stored(GREY.astype(np.uint16) << 8 | 3, "PNG"),
    "interlaced": interlaced(GREY),
}
FILES = {
    "JPEG": stored(COLOURS, "JPEG"),
    "progressive JPEG": stored(COLOURS, "JPEG", progressive=True),
    **{f"{name} PNG": content for name, content in PNGS.items()},
    "BMP": stored(COLOURS, "BMP"),
    "WEBP": stored(COLOURS, "WEBP"),
    "lossless WEBP": stored(COLOURS, "WEBP", lossless=True),
    "GIF": stored(GREY, "GIF"),
    "TIFF": stored(COLOURS, "TIFF"),
    "LZW TIFF": stored(COLOURS, "TIFF", compression="tiff_lzw"),
    "deflated TIFF": stored(COLOURS, "TIFF", compression="tiff_adobe_deflate"),
    "PPM": stored(COLOURS, "PPM"),
    "PGM": stored(GREY, "PPM"),
    "PBM": stored(Image.fromarray(GREY).convert("1"), "PPM"),
}
if "avif" in features.get_supported():
    FILES["AVIF"] = stored(COLOURS, "AVIF")
if "HEIF" in FORMATS:
    picture_kinds.register_heif()
    FILES["HEIC"] = stored(COLOURS, "HEIF")


def pixels(content: bytes) -> tuple:
    """All that the decoder returns and all that a network would see."""
    picture = decode(content, "x", colours=True)
    return picture.mode, picture.size, picture.tobytes(), to_face(decode(content, "x")).tobytes()


def test_an_interlaced_file_is_the_same_picture():
    assert pixels(PNGS["interlaced"]) == pixels(PNGS["grey"])


@pytest.mark.parametrize("content", PNGS.values(), ids=PNGS)
def test_a_flipped_bit_of_a_png_is_refused_or_changes_no_pixel(content):
    random, whole = np.random.default_rng(0), pixels(content)
    for bit in random.choice(8 * len(content), FLIPS, replace=False):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            found = pixels(bytes(damaged))
        except Unreadable:
            continue
        assert found == whole, f"bit {bit}"


@pytest.mark.parametrize("content", PNGS.values(), ids=PNGS)
def test_flipped_pixel_data_of_a_png_are_always_refused(content):
    start = content.index(b"IDAT") + 4
    length = int.from_bytes(content[start - 8 : start - 4])
    for bit in np.random.default_rng(1).integers(8 * length, size=FLIPS):
        damaged = bytearray(content)
        damaged[start + bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unreadable):
            decode(bytes(damaged), "x")


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("place", ["bytes", "file"])
def test_a_file_cut_short_is_refused_or_lacks_no_pixel(content, place, tmp_path):
    whole, path = pixels(content), tmp_path / "cut"
    for length in {0, *np.random.default_rng(0).integers(len(content), size=20), len(content) // 2, len(content) - 3}:
        path.write_bytes(content[:length])
        try:
            found = decode(content[:length] if place == "bytes" else path, "x", colours=True)
        except Unreadable:
            continue
        assert length > len(content) - 3  # a trailer after the pixels
        assert found.tobytes() == whole[2]


def test_truncated_pictures_stay_forbidden_in_the_library():
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_path_and_its_bytes_are_the_same_picture(content, tmp_path):
    path = tmp_path / "picture"
    path.write_bytes(content)
    found = decode(path, "x", colours=True)
    assert (found.mode, found.size, found.tobytes()) == pixels(content)[:3]
    assert size_of(content, "x") == size_of(path, "x") == found.size


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 48 48\n%%EndComments\n0 0 48 48 rectfill\nshowpage\n%%EOF\n"
OTHERS = {kind: stored(GREY, kind) for kind in ("TGA", "PCX", "SGI", "DDS")}
NAMED = {
    "PostScript": EPS,
    **{kind: stored(GREY, kind.replace(" ", "")) for kind in ("JPEG 2000", "PDF")},
    "icon": stored(GREY, "ICO"),
    "JPEG XL": b"\xff\x0a\x10\0" + bytes(60),
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "web page": b"\n<!DOCTYPE HTML><html>not found</html>",
}
"""Format that an error names -> a file of it."""


@pytest.mark.parametrize("content", OTHERS.values(), ids=OTHERS)
def test_other_formats_are_refused_by_their_content(content, tmp_path):
    for name in ("a.eps", "a.png"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(Unreadable, match=r"^a: not a picture of a known kind$"):
            decode(tmp_path / name, "a")


@pytest.mark.parametrize(("kind", "content"), NAMED.items(), ids=NAMED)
def test_formats_that_people_have_are_named(kind, content):
    with pytest.raises(Unreadable, match=rf"^a: not a picture of a known kind \({kind}\)$"):
        decode(content, "a")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "^a: a video, not a picture$"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer.*git lfs pull"),
        (b"II*\0" + bytes(60), "a TIFF or camera raw file of a kind that is not read; save it as 8-bit"),
    ],
)
def test_what_lies_in_place_of_a_picture_is_named_with_a_remedy(content, message):
    with pytest.raises(Unreadable, match=message):
        decode(content, "a")


@pytest.mark.parametrize(
    ("kind", "brands", "message"),
    [
        ("HEIF", b"heic\0\0\0\0mif1heic", r"HEIC pictures need pillow-heif: pip install 'fer-lightning\[photos\]'$"),
        ("HEIF", b"mif1\0\0\0\0heicmiaf", "HEIC pictures need pillow-heif"),
        ("AVIF", b"mif1\0\0\0\0avifmiaf", "AVIF pictures need a newer Pillow: pip install 'pillow>=11.3'$"),
    ],
)
def test_without_its_package_a_format_is_named(kind, brands, message, monkeypatch):
    monkeypatch.setattr(picture_kinds, "FORMATS", tuple(name for name in KINDS if name != kind))
    with pytest.raises(Unreadable, match=message):
        decode(b"\0\0\0\x18ftyp" + brands + bytes(40), "a")


@pytest.mark.skipif("HEIF" not in FORMATS, reason="pillow-heif is not installed")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_heic_photo_is_turned_once(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    content = stored(COLOURS, "HEIF", exif=exif.tobytes(), quality=100)
    expected = to_face(decode(stored(COLOURS, "PNG", exif=exif), "a")).astype(int)
    assert np.abs(to_face(decode(content, "a")) - expected).mean() < 4


def test_no_other_reader_of_pillows_is_ever_asked(monkeypatch):
    def ask(*_):
        raise AssertionError("asked")

    Image.init()
    others = {kind: (ask, lambda prefix: True) for kind in set(Image.OPEN) - set(FORMATS)}
    assert "EPS" in others
    monkeypatch.setattr(Image, "OPEN", Image.OPEN | others)
    with pytest.raises(Unreadable, match="not a picture"):
        decode(EPS, "a")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_suffixes_are_those_that_pillow_knows_for_the_formats(kind):
    Image.init()
    assert {Image.registered_extensions()[suffix] for suffix in KINDS[kind] if suffix != ".jfif"} <= {kind}
    assert set(KINDS[kind]) <= set(SUFFIXES)


def counting_pixels(content: bytes, limit: int, monkeypatch) -> Image.Image:
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
    return decode(content, "a", limit)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_picture_beyond_the_limit_is_refused_before_it_is_decoded(content, monkeypatch):
    with pytest.raises(TooLarge, match=r"^a: 1,920 pixels, more than the 1,919 that are read$"):
        counting_pixels(content, 1919, monkeypatch)


def test_a_picture_at_the_limit_is_read():
    assert decode(FILES["BMP"], "a", 1920).size == (48, 40)


def header_of_png(width: int, height: int) -> bytes:
    header = width.to_bytes(4) + height.to_bytes(4) + bytes((8, 2, 0, 0, 0))
    chunks = [(b"IHDR", header), (b"IDAT", b"")]
    checked = [len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(checked)


@pytest.mark.parametrize("side", [13_000, 30_000, 2**31 - 1])
def test_larger_than_pillow_allows_is_one_error_like_any_other(side):
    with pytest.raises(TooLarge, match="pixels"):
        decode(header_of_png(side, side), "a")


def test_the_limit_can_be_raised_beyond_pillows_own(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(TooLarge, match="more than the 150 pixels"):
        decode(FILES["BMP"], "a", 150)
    assert decode(FILES["BMP"], "a", 10_000).size == (48, 40)


def test_raw_bytes_of_a_header_stay_out_of_the_message():
    for content in (b"P6\n\x1b[31mRED\x1b]0;owned\x07 1 1\n255\n", b"P5 \x1b[2J\x9b 4 255\n", b"P6 4 4 \x1b[5m\n"):
        with pytest.raises(Unreadable) as error:
            decode(content, "a\x1b[2J.ppm")
        assert str(error.value).isprintable()
        assert error.value.reason.isprintable()


@pytest.mark.parametrize("colours", [False, True])
def test_random_bytes_behind_every_signature_are_one_error_or_a_picture(colours):
    random = np.random.default_rng(0)
    for content in FILES.values():
        for _ in range(15):
            data = bytearray(content)
            for place in random.integers(len(data), size=random.integers(1, 9)):
                data[place] = random.integers(256)
            with suppress(Unreadable):
                assert to_face(decode(bytes(data), "x", 1_000_000, colours)).shape == (48, 48)


def test_colours_that_nobody_converts_are_refused():
    with pytest.raises(Unreadable, match="CIELAB"):
        decode(stored(Image.new("LAB", (9, 9)), "TIFF"), "x")


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_colours_of_16_bits_are_read_unless_most_bits_are_unused(bits):
    cv2 = pytest.importorskip("cv2")
    _, content = cv2.imencode(".tif", COLOURS[..., ::-1].astype(np.uint16) << bits - 8)
    if bits == 16:
        assert np.array_equal(np.asarray(decode(content.tobytes(), "a", colours=True)), COLOURS)
    else:
        with pytest.raises(Unreadable, match="at most 14 bits in 16; save it with 8 bits"):
            decode(content.tobytes(), "a")


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", FILES["JPEG"][:4]])
def test_what_is_no_picture_is_one_line_that_names_it(content, tmp_path):
    (tmp_path / "a.jpg").write_bytes(content)
    for place in (content, tmp_path / "a.jpg"):
        with pytest.raises(Unreadable, match=r"^a.jpg: (the file is empty|not a picture of a known kind)$"):
            decode(place, "a.jpg")


def test_a_missing_file_and_a_folder_are_one_line(tmp_path):
    with pytest.raises(Unreadable, match=r"^no.png: no such file$"):
        decode(tmp_path / "no.png", "no.png")
    with pytest.raises(Unreadable, match=r"^folder: unreadable picture"):
        decode(tmp_path, "folder")


def test_networks_read_the_brightness_of_a_jpeg_and_people_its_colours():
    content = stored(Image.new("RGB", (64, 64), "red"), "JPEG")
    assert decode(content, "a").mode == "L"
    assert decode(content, "a", colours=True).getpixel((32, 32))[1] < 5


def test_the_brightness_of_a_jpeg_is_the_grey_of_its_colours():
    rows, columns = np.mgrid[:40, :60] * 4
    content = stored(np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8), "JPEG")
    grey = np.asarray(decode(content, "a"))
    coloured = np.asarray(decode(content, "a", colours=True).convert("L"))
    difference = np.abs(coloured.astype(int) - grey)
    assert difference.max() <= 3
    assert difference.mean() < 0.5


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "PNG"), ("RGBA", "WEBP")])
def test_files_that_do_not_store_brightness_apart_are_decoded_as_they_are(mode, kind):
    content = stored(Image.new(mode, (30, 20), 77), kind)
    assert decode(content, "a").mode == mode
    assert decode(content, "a").tobytes() == decode(content, "a", colours=True).tobytes()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_the_first_frame_of_several_counts(kind, tmp_path):
    frames = [Image.new("L", (48, 48), value) for value in (40, 200)]
    options = {"lossless": True} if kind == "WEBP" else {}
    content = stored(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    path = tmp_path / "several"
    path.write_bytes(content)
    for place in (content, path):
        assert np.abs(to_face(decode(place, "a")).astype(int) - 40).max() <= 2


def test_a_photograph_of_two_pictures_is_its_first():
    first, second = Image.new("RGB", (48, 48), "white"), Image.new("RGB", (48, 48), "black")
    content = stored(first, "MPO", save_all=True, append_images=[second])
    assert to_face(decode(content, "a")).min() >= 253


def test_a_pipe_is_read_as_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=Path.write_bytes, args=(tmp_path / "pipe", PNGS["grey"]))
    writer.start()
    assert decode(tmp_path / "pipe", "a").tobytes() == GREY.tobytes()
    writer.join()
