import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from fer.preprocess import luma, to_face, to_grey, upright


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


def test_a_jpeg_decoded_without_its_colour_is_the_grey_of_its_colours():
    rows, columns = np.mgrid[:40, :60] * 4
    content = Image.fromarray(np.stack([rows, columns, 255 - rows], axis=2).astype(np.uint8))
    coloured, grey = to_grey(stored(content, "JPEG")), luma(stored(content, "JPEG"))
    assert grey.mode == "L"
    difference = np.abs(np.asarray(coloured).astype(int) - np.asarray(grey))
    assert difference.max() <= 3
    assert difference.mean() < 0.5


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("L", "JPEG"), ("RGB", "PNG"), ("RGBA", "WEBP")])
def test_files_that_do_not_store_brightness_apart_are_decoded_as_they_are(mode, kind):
    content = Image.new(mode, (30, 20), 77)
    assert luma(stored(content, kind)).mode == mode
    assert np.array_equal(to_face(luma(stored(content, kind))), to_face(stored(content, kind)))


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


def test_floats_from_0_to_1_are_scaled(noise):
    assert np.array_equal(to_face(Image.fromarray((noise / 255).astype(np.float32))), noise)


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


@pytest.mark.parametrize(
    ("orientation", "undo"),
    [
        (1, lambda image: image),
        (2, np.fliplr),
        (3, lambda image: np.rot90(image, 2)),
        (4, np.flipud),
        (5, lambda image: image.T),
        (6, lambda image: np.rot90(image, -1)),
        (7, lambda image: np.rot90(image, 2).T),
        (8, np.rot90),
    ],
)
def test_the_cameras_orientation_is_obeyed(orientation, undo, noise):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert np.array_equal(to_face(stored(Image.fromarray(noise), exif=exif)), undo(noise))


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
