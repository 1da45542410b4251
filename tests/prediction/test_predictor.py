import numpy as np
import pytest
from PIL import ExifTags, Image

from fer.prediction.detect import Haar
from fer.prediction.predictor import Predictor
from fer.preprocess import to_face


def two(grey):
    """A detector that finds the same two faces everywhere."""
    return [(0, 0, 50, 50), (60, 10, 30, 40)]


def test_each_picture_gets_its_own_faces_in_order(brightness):
    pictures = [Image.new("L", (100, 100), value) for value in (0, 255)]
    dark, bright = Predictor(brightness, two)(pictures)
    assert [face.label for face in dark] == ["dark", "dark"]
    assert [face.box for face in bright] == two(None)
    assert bright[0].probabilities == {"dark": 0.0, "bright": 1.0}


def test_a_face_is_seen_as_the_folder_reader_would_see_its_crop(brightness):
    pixels = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    [[first, second]] = Predictor(brightness, two)([picture])
    assert np.array_equal(first.pixels, to_face(picture.crop((0, 0, 50, 50))))
    assert second.region == (55, 10, 95, 50)
    assert np.array_equal(second.pixels, to_face(picture.crop((55, 10, 95, 50))))


def test_without_a_detector_the_whole_picture_is_the_face(brightness):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 200), dtype=np.uint8))
    [[face]] = Predictor(brightness)([picture])
    assert face.box == (0, 0, 200, 90)
    assert np.array_equal(face.pixels, to_face(picture))


def test_a_picture_as_small_as_fer2013s_is_a_face_already(brightness):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8))
    [[face]] = Predictor(brightness, lambda grey: [])([picture])
    assert np.array_equal(face.pixels, np.asarray(picture))


def test_no_face_is_an_empty_list(brightness):
    assert Predictor(brightness, lambda grey: [])([Image.new("L", (100, 100))]) == [[]]
    assert Predictor(brightness)([]) == []


@pytest.mark.parametrize(("threshold", "label"), [(0.0, "bright"), (0.6, "bright"), (0.7, "unsure")])
def test_below_the_threshold_a_face_is_unsure(brightness, threshold, label):
    [[face]] = Predictor(brightness, threshold=threshold)([Image.new("L", (48, 48), 160)])
    assert face.label == label
    assert face.confidence == pytest.approx(160 / 255)


def turned(picture: Image.Image) -> Image.Image:
    """As a camera held upright stores it: on its side, with a tag."""
    stored = picture.transpose(Image.Transpose.ROTATE_90)
    stored.info["exif"] = exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored.info["exif"] = exif.tobytes()
    return stored


@pytest.mark.parametrize(
    "change",
    [
        lambda picture: picture.convert("RGBA"),
        lambda picture: picture.convert("L"),
        lambda picture: picture.convert("CMYK"),
        lambda picture: Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) << 8),
        turned,
    ],
    ids=["alpha", "grey", "CMYK", "16 bits", "turned by the camera"],
)
def test_however_a_photograph_is_stored_its_face_is_the_same(change, astronaut, brightness):
    predictor = Predictor(brightness, Haar())
    [[plain]], [[other]] = predictor([astronaut]), predictor([change(astronaut)])
    assert other.box == plain.box
    assert np.abs(other.pixels.astype(int) - plain.pixels).max() <= 2
