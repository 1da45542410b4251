import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from fer.pictures import decode
from fer.preprocess import to_face, upright


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)


def stored(picture: Image.Image, kind: str = "PNG", **options) -> Image.Image:
    """The picture as it comes back from a file."""
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return Image.open(io.BytesIO(content.getvalue()))


def test_a_grey_picture_of_48_passes_unchanged(noise):
    assert np.array_equal(to_face(stored(Image.fromarray(noise))), noise)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "I", "F", "YCbCr", "HSV"])
@pytest.mark.parametrize("size", [(48, 48), (1, 1), (47, 200), (640, 480)])
def test_every_mode_and_size_becomes_48_by_48_bytes(mode, size):
    face = to_face(Image.new(mode, size))
    assert face.shape == (48, 48)
    assert face.dtype == np.uint8


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_in_other_modes_stays_the_same_grey(mode, noise):
    picture = Image.fromarray(noise)
    picture = picture.convert("RGB").convert(mode) if mode == "CMYK" else picture.convert(mode)
    assert np.abs(to_face(picture).astype(int) - noise).max() <= 1


def test_colour_becomes_luma():
    colours = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    luma = colours @ np.array([0.299, 0.587, 0.114])
    assert np.abs(to_face(Image.fromarray(colours)) - luma).max() <= 1


def test_cmyk_photographs_are_read():
    picture = stored(Image.new("CMYK", (60, 60), (0, 0, 0, 128)), "JPEG")
    assert picture.mode == "CMYK"
    assert np.abs(to_face(picture).astype(int) - 127).max() <= 2


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_16_bits_are_scaled_to_8(mode, noise):
    deep = noise.astype(np.uint16) << 8 | 77
    picture = Image.fromarray(deep) if mode == "I;16" else Image.fromarray(deep.astype(np.int32))
    assert np.array_equal(to_face(picture), noise)


def test_16_bit_files_are_scaled_to_8(noise):
    assert np.array_equal(to_face(stored(Image.fromarray(noise.astype(np.uint16) << 8))), noise)


def test_integers_out_of_range_are_clipped():
    picture = Image.fromarray(np.full((48, 48), -5, np.int32))
    assert to_face(picture).max() == 0
    assert to_face(Image.fromarray(np.full((48, 48), 1 << 20, np.int32))).min() == 255


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_fewer_bits_in_16_are_scaled_by_their_range(bits, kind, noise):
    noise[0, 0] = 255
    assert np.array_equal(to_face(stored(Image.fromarray(noise.astype(np.uint16) << bits - 8), kind)), noise)


def test_8_bits_in_16_stay_as_they_are(noise):
    assert np.array_equal(to_face(stored(Image.fromarray(noise.astype(np.uint16)))), noise)


@pytest.mark.parametrize("top", [1, 255, 65535, 1e6])
def test_floats_are_scaled_by_their_range(top, noise):
    noise[0, 0] = 255
    picture = Image.fromarray((noise / 255 * top).astype(np.float32))
    assert np.array_equal(to_face(stored(picture, "TIFF")), noise)


def test_floats_from_minus_1_to_1_are_scaled_and_overshoot_is_clipped(noise):
    noise[0, :2] = 0, 255
    assert np.array_equal(to_face(Image.fromarray((noise / 127.5 - 1).astype(np.float32))), noise)
    ringing = (noise / 255).astype(np.float32)
    ringing[0, :2] = -0.02, 1.02
    assert np.array_equal(to_face(Image.fromarray(ringing)), noise)


def test_floats_that_are_no_numbers_are_black(noise):
    floats = (noise / 255).astype(np.float32)
    floats[0, :3] = np.nan, np.inf, -np.inf
    face = to_face(Image.fromarray(floats))
    assert face[0, :3].tolist() == [0, 0, 0]
    assert np.array_equal(face[1:], noise[1:])


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_on_black(mode):
    picture = Image.new("L", (48, 48), 200).convert(mode)
    picture.putalpha(Image.fromarray(np.repeat(np.array([[0, 128, 255]], np.uint8), 16, axis=1).repeat(48, axis=0)))
    face = to_face(stored(picture))
    assert np.abs(face[:, ::16].astype(int) - [0, 100, 200]).max() <= 1


@pytest.mark.parametrize("mode", ["L", "P"])
def test_a_transparent_colour_is_laid_on_black(mode):
    picture = Image.new("L", (48, 48), 200)
    picture.paste(90, (0, 0, 24, 48))
    face = to_face(stored(picture.convert(mode), transparency=200))
    assert (face[:, :24] == 90).all()
    assert (face[:, 24:] == 0).all()


UPRIGHT = {
    1: lambda image: image,
    2: np.fliplr,
    3: lambda image: np.rot90(image, 2),
    4: np.flipud,
    5: lambda image: image.T,
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).T,
    8: np.rot90,
}
"""Orientation tag -> what makes the pixels upright (CIPA DC-008, "Orientation")."""


def tagged(picture: Image.Image, kind: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "maker"
    exif[ExifTags.Base.Orientation] = orientation
    content = io.BytesIO()
    picture.save(content, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    return content.getvalue()


def test_black_and_white_is_0_and_255():
    board = np.indices((48, 48)).sum(0) % 2 == 1
    for kind in ("PNG", "TIFF", "BMP"):
        assert np.array_equal(to_face(stored(Image.fromarray(board), kind)), board * np.uint8(255))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("orientation", "undo"), UPRIGHT.items())
def test_the_cameras_orientation_is_obeyed(kind, orientation, undo, noise):
    content = tagged(Image.fromarray(noise), kind, orientation)
    assert np.array_equal(to_face(Image.open(io.BytesIO(content))), undo(noise))
    assert np.array_equal(to_face(decode(content, "a")), undo(noise))


@pytest.mark.parametrize(("orientation", "undo"), UPRIGHT.items())
def test_the_orientation_of_a_jpeg_is_obeyed(orientation, undo, noise):
    plain = np.asarray(decode(tagged(Image.fromarray(noise), "JPEG", 1), "a"))
    assert np.array_equal(to_face(decode(tagged(Image.fromarray(noise), "JPEG", orientation), "a")), undo(plain))


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_orientations_that_do_not_exist_turn_nothing(orientation, noise):
    assert np.array_equal(to_face(decode(tagged(Image.fromarray(noise), "PNG", orientation), "a")), noise)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_damaged_exif_data_leave_the_picture_whole_and_turn_it_at_most_as_they_say(kind, noise):
    """Whatever their bytes, the pixels are those of the file under one of the eight turns, and turned only once."""
    content = tagged(Image.fromarray(noise), kind, 6)
    start = content.index(b"MM\0*") if b"MM\0*" in content else content.index(b"II*\0")
    plain = np.asarray(decode(tagged(Image.fromarray(noise), kind, 1), "a").convert("L"))
    turns = [undo(plain) for undo in UPRIGHT.values()]
    random, upside = np.random.default_rng(0), 0
    for _ in range(150):
        damaged = bytearray(content)
        damaged[start + random.integers(40)] = random.integers(256)
        picture = upright(decode(bytes(damaged), "a"))
        face = to_face(picture)
        assert any(np.array_equal(face, turn) for turn in turns)
        assert np.array_equal(to_face(picture.convert("L")), face)
        upside += np.array_equal(face, plain)
    assert upside  # some damage hides the tag


def test_a_tag_is_obeyed_beside_exif_data_that_cannot_be_written_again(noise, monkeypatch):
    def fail(*_):
        raise ValueError("damaged")

    picture = decode(tagged(Image.fromarray(noise), "PNG", 6), "a")
    monkeypatch.setattr(Image.Exif, "tobytes", fail)
    assert np.array_equal(to_face(upright(picture)), np.rot90(noise, -1))
    assert np.array_equal(to_face(upright(picture).convert("RGB")), np.rot90(noise, -1))


def test_a_damaged_picture_is_an_error_though_exif_is_read_first(noise):
    content = io.BytesIO()
    Image.fromarray(noise).save(content, "PNG")
    damaged = content.getvalue()[:-300]
    with pytest.raises(OSError, match="truncated"):
        to_face(Image.open(io.BytesIO(damaged)))


def test_a_picture_is_turned_once(noise):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = upright(stored(Image.fromarray(noise), exif=exif))
    assert np.array_equal(to_face(turned), np.asarray(turned))


def test_damaged_exif_data_hide_no_picture(noise):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", exif=exif)
    damaged = file.getvalue().replace(b"MM\x00*", b'MM\x00"')
    assert damaged != file.getvalue()
    assert np.array_equal(to_face(Image.open(io.BytesIO(damaged))), to_face(stored(Image.fromarray(noise), "JPEG")))


def test_the_callers_picture_stays_as_it_is(noise):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    picture = stored(Image.fromarray(noise), exif=exif)
    assert np.array_equal(to_face(picture), to_face(picture))


def test_a_big_checkerboard_becomes_grey():
    board = np.indices((480, 480)).sum(axis=0) % 2 * 255
    face = to_face(Image.fromarray(board.astype(np.uint8)))
    assert np.abs(face[2:-2, 2:-2].astype(int) - 127).max() <= 3


def test_shrinking_by_a_whole_factor_keeps_the_mean():
    picture = np.random.default_rng(0).integers(0, 256, (480, 480), dtype=np.uint8)
    assert to_face(Image.fromarray(picture)).mean() == pytest.approx(picture.mean(), abs=1)


def test_the_whole_picture_is_seen_whatever_its_shape():
    picture = Image.new("L", (400, 100), 0)
    picture.paste(255, (200, 0, 400, 100))
    face = to_face(picture)
    assert (face[:, :22] < 10).all()
    assert (face[:, 26:] > 245).all()


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("L", (48, 48), value) for value in (40, 200)]
    assert (
        np.abs(
            to_face(stored(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)).astype(int) - 40
        ).max()
        <= 2
    )
