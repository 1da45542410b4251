import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from fer.pictures import TooLarge, decode_reduced
from fer.prediction import scales
from fer.prediction.detect import MAX_SIDE, Framing
from fer.prediction.predictor import Predictor
from fer.prediction.scales import MIN_PIXELS, file_scales

BIG = (4096, 3072)


@pytest.fixture(scope="module")
def scene() -> Image.Image:
    """12 megapixels of smooth grey with three bright squares of 1200, 240 and 80 pixels, which have a pattern."""
    picture = Image.new("L", BIG, 128)
    pattern = np.random.default_rng(0).integers(200, 256, (6, 6), dtype=np.uint8)
    for left, side in ((200, 1200), (2000, 240), (3000, 80)):
        picture.paste(Image.fromarray(pattern).resize((side, side), Image.Resampling.BICUBIC), (left, 400))
    return picture


def jpeg(picture: Image.Image, orientation: int = 1) -> bytes:
    content, exif = io.BytesIO(), Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    picture.save(content, "JPEG", quality=92, exif=exif)
    return content.getvalue()


class Squares:
    """Finds the squares of the scene in a picture of any size."""

    framing = Framing()

    def __call__(self, grey):
        bright = grey > 165
        columns = np.flatnonzero(bright.any(0))
        boxes = []
        for group in np.split(columns, np.flatnonzero(np.diff(columns) > 3) + 1):
            rows = np.flatnonzero(bright[:, group].any(1))
            boxes.append((int(group[0]), int(rows[0]), len(group), len(rows)))
        self.seen = grey.shape
        return boxes


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_large_photo_gives_the_same_faces_as_the_whole_decoded(scene, orientation, brightness):
    content = jpeg(scene, orientation)
    small, whole = Squares(), Squares()
    reduced = Predictor(brightness, small).detect_file(content, "a")
    full = Predictor(brightness, whole).detect(Image.open(io.BytesIO(content)))
    assert (reduced.width, reduced.height) == (full.width, full.height)
    assert max(small.seen) == MAX_SIDE
    assert max(whole.seen) == max(BIG)
    assert len(reduced.boxes) == len(full.boxes) >= 1
    for box, other in zip(reduced.boxes, full.boxes, strict=True):
        assert np.abs(np.subtract(box, other)).max() <= 0.02 * max(other) + 4
    assert np.abs(reduced.faces.astype(int) - full.faces)[:, 3:-3, 3:-3].mean() < 8


def test_each_face_comes_from_the_smallest_scale_with_enough_pixels(scene, monkeypatch):
    asked = []

    def remember(content, name, side, limit):
        picture, size = decode_reduced(content, name, side, limit)
        asked.append(picture.width)
        return picture, size

    monkeypatch.setattr(scales, "decode_reduced", remember)
    parts = file_scales(jpeg(scene), "a", BIG[0] * BIG[1])
    assert parts.grey.size == (1024, 768)
    parts.face((200, 400, 1400, 1600))
    assert asked == [2048]  # 300 pixels in the copy of 1024
    parts.face((2000, 400, 2240, 640))
    assert asked == [2048]  # 60 pixels in the copy would be too few, 120 are enough
    parts.face((3000, 400, 3080, 480))
    assert asked == [2048, 4096]
    parts.face((3000, 400, 3080, 480))
    assert asked == [2048, 4096]
    assert MIN_PIXELS == 96


def test_several_faces_decode_the_photo_once_more_at_most(scene, monkeypatch):
    asked = []
    monkeypatch.setattr(scales, "decode_reduced", lambda *args: asked.append(args) or decode_reduced(*args))
    parts = file_scales(jpeg(scene), "a", BIG[0] * BIG[1])
    regions = [(200, 400, 1400, 1600), (2000, 400, 2240, 640), (3000, 400, 3080, 480)]
    faces = parts.faces(regions, [0, 0, 0])
    assert len(asked) == 2
    expected = [parts.face(region) for region in regions]
    assert np.array_equal(faces, expected)


def test_detectors_see_a_copy_of_the_same_size_as_of_the_whole_picture(scene):
    for width in (4032, 4700, 1900, 1000):
        parts = file_scales(jpeg(scene.resize((width, width * 3 // 4))), "a", 20_000_000)
        assert max(parts.grey.size) == min(MAX_SIDE, width)
        assert parts.size == (width, width * 3 // 4)


def test_pictures_of_other_formats_and_small_ones_are_decoded_whole(scene):
    content = io.BytesIO()
    scene.resize((2048, 1536)).save(content, "PNG", compress_level=1)
    assert decode_reduced(content.getvalue(), "a", 500)[0].size == (2048, 1536)
    assert decode_reduced(jpeg(scene.resize((1600, 1200))), "a", 1024)[0].size == (1600, 1200)
    assert decode_reduced(jpeg(scene.resize((1900, 1425))), "a", 1024)[0].size == (950, 713)


def test_the_limit_counts_the_whole_picture(scene):
    with pytest.raises(TooLarge, match="12,582,912 pixels"):
        decode_reduced(jpeg(scene), "a", 100, BIG[0] * BIG[1] - 1)
