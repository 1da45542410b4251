import numpy as np
import pytest
from PIL import Image

from fer.prediction.detect import Framing, Location
from fer.prediction.predictor import Predictor
from fer.prediction.upright import MIN_TILT, crop_face, turned
from fer.preprocess import to_face


@pytest.fixture
def smooth() -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    return Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("degrees", [30, -35, 90, 180])
def test_a_tilted_face_is_turned_back(degrees, smooth):
    picture = Image.new("L", (200, 200), 128)
    picture.paste(smooth, (52, 52))
    tilted = picture.rotate(-degrees, Image.Resampling.BICUBIC)
    face = crop_face(tilted, (52, 52, 148, 148), degrees).astype(int)
    assert np.abs(face - to_face(smooth))[3:-3, 3:-3].mean() < 3


def test_a_face_that_is_hardly_tilted_is_cropped_as_it_is(smooth):
    assert np.array_equal(crop_face(smooth, (10, 10, 80, 80), MIN_TILT - 1), to_face(smooth.crop((10, 10, 80, 80))))


def test_pixels_beyond_the_edge_repeat_it():
    assert (turned(np.full((50, 50), 200, np.uint8), (0, 0, 50, 50), 45) == 200).all()


def test_the_predictor_turns_what_its_detector_says_is_tilted(brightness, smooth):
    class Tilted:
        name, framing = "tilted", Framing(1.5, 0.1)

        def locate(self, grey):
            return [Location((30, 30, 40, 40), 30.0)]

    predictor = Predictor(brightness, Tilted())
    detection = predictor.detect(smooth)
    assert detection.detector == "tilted"
    assert detection.boxes == [(30, 30, 40, 40)]
    [region] = detection.regions
    assert region == (18, 23, 78, 83)
    assert np.array_equal(detection.faces[0], crop_face(smooth, region, 30.0))
    assert Predictor(brightness, Tilted(), margin=1.0).framing == Framing(1.0, 0.1)
