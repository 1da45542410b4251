import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from fer.prediction.pictures import Unreadable, colour, in_colour, read


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


JPEG = stored(Image.new("RGB", (64, 64), "red"), "JPEG")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"text", "not a picture"), (JPEG[:-20], "unreadable picture"), (JPEG[:4], "not a picture")],
)
def test_what_is_no_picture_is_one_line_that_names_it(content, words):
    with pytest.raises(Unreadable, match=f"^a.jpg: .*{words}") as error:
        read(content, "a.jpg")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(Unreadable, match="no such file"):
        read(tmp_path / "no.png", "no.png")


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded():
    bomb = stored(Image.new("1", (20_000, 20_000)), "PNG")
    with pytest.raises(Unreadable, match="pixels"):
        read(bomb, "bomb.png")
    with pytest.raises(Unreadable, match="pixels"):
        read(JPEG, "a.jpg", limit=1000)


def test_networks_read_the_grey_of_a_photograph_and_people_its_colours():
    assert read(JPEG, "a.jpg").mode == "L"
    assert in_colour(JPEG, "a.jpg").mode == "RGB"
    assert in_colour(JPEG, "a.jpg").getpixel((32, 32))[1] < 5


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "I", "F"])
def test_every_mode_can_be_shown(mode):
    assert colour(Image.new(mode, (5, 4))).mode == "RGB"


def test_a_picture_is_shown_upright():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = Image.open(io.BytesIO(stored(Image.new("RGB", (30, 20)), "JPEG", exif=exif)))
    assert colour(turned).size == (20, 30)


def test_16_bits_are_shown_as_the_network_sees_them():
    deep = Image.fromarray(np.full((4, 4), 200 << 8, np.uint16))
    assert colour(deep).getpixel((0, 0)) == (200, 200, 200)
