import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from fer.prediction.pictures import decode_rgb, to_rgb


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    content = io.BytesIO()
    picture.save(content, kind, **options)
    return content.getvalue()


JPEG = stored(Image.new("RGB", (64, 64), "red"), "JPEG")


def test_people_see_the_colours_of_a_photograph():
    assert decode_rgb(JPEG, "a.jpg").mode == "RGB"
    assert decode_rgb(JPEG, "a.jpg").getpixel((32, 32))[1] < 5


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "I;16", "I", "F"])
def test_every_mode_can_be_shown(mode):
    assert to_rgb(Image.new(mode, (5, 4))).mode == "RGB"


def test_a_picture_is_shown_upright():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    turned = Image.open(io.BytesIO(stored(Image.new("RGB", (30, 20)), "JPEG", exif=exif)))
    assert to_rgb(turned).size == (20, 30)


def test_16_bits_are_shown_as_the_network_sees_them():
    deep = Image.fromarray(np.full((4, 4), 200 << 8, np.uint16))
    assert to_rgb(deep).getpixel((0, 0)) == (200, 200, 200)
