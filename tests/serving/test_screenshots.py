from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

import fer


@pytest.mark.slow
@pytest.mark.usefixtures("chromium")
def test_the_pictures_of_the_page_are_made(server, tmp_path, load_script):
    paths = load_script("page/screenshots.py").screenshots(server.address, tmp_path)
    assert {path.name for path in paths} == {f"{n}.png" for n in ("light", "dark", "phone", "error", "camera", "docs")}
    for path in paths:
        darkest, brightest = Image.open(path).convert("L").getextrema()
        assert brightest - darkest > 100


@pytest.mark.slow
def test_the_sample_picture_is_the_drawn_one_and_its_faces_are_recognised(load_script):
    script = load_script("page/sample.py")
    stored = Image.open(files("fer.serving") / "page" / "sample.jpg")
    drawn = script.sample()
    assert stored.size == drawn.size
    assert np.abs(np.asarray(stored, float) - np.asarray(drawn)).mean() < 3
    labels = sorted(face.label for face in fer.recognise(stored))
    assert labels == sorted(emotion for emotion, _ in script.FACES)
