import numpy as np
import pandas as pd
import pytest

from fer.plots.curves import Reference
from fer.plots.matrices import confusion_table
from fer.plots.results import COLUMNS, Faces, results_figure

EMOTIONS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
METRICS = pd.DataFrame(
    {"epoch": [0, 1], "step": [5, 10], "train/accuracy": [0.3, 0.5], "val/accuracy": [0.3, 0.4], "lr-SGD": [0.1, 0.0]}
)


def results(names, faces=COLUMNS, metrics=METRICS, title="FER2013: 71.0 % of 3,589 test images right", right=False):
    draws = np.random.default_rng(0)
    table = confusion_table(draws.integers(0, 900, (len(names), len(names))), names)
    images = draws.integers(0, 256, (faces, 48, 48), dtype=np.uint8)
    sample = Faces(images, [names[-1 if right else 0]] * faces, [names[-1]] * faces, [1.0] * faces)
    return results_figure(title, "test", table, sample, metrics, Reference(2, (names[0], 0.25)))


@pytest.mark.full
@pytest.mark.parametrize(
    "options",
    [
        {"names": EMOTIONS},
        {"names": EMOTIONS, "faces": 1},
        {"names": EMOTIONS, "metrics": None},
        {"names": ["no", "yes"], "metrics": METRICS.head(1)},
        {"names": [f"compound emotion {n}" for n in range(22)]},
        {"names": ["enthusiastically happy or amused", "not happy, whichever other expression"]},
        {"names": ["other", "enthusiastically happy or amused"], "right": True},
        {"names": EMOTIONS, "title": "FER2013 and another data set with a long name " * 3},
    ],
)
def test_texts_stay_inside_and_apart(options, check_readable):
    check_readable(results(**options))


@pytest.mark.parametrize("name", ["happy", "compound emotion 12", "enthusiastically happy or amused by all"])
def test_captions_are_legible_on_a_slide(name):
    figure = results(["not " + name, name])
    figure.draw_without_rendering()
    (strip,) = [axes for axes in figure.axes if axes.get_title().startswith("8 test images")]
    captions = [text.get_window_extent() for text in strip.texts]
    lines = strip.texts[0].get_text().count("\n") + 1
    assert captions[0].height / lines >= 0.015 * figure.bbox.height
    faces = strip.get_window_extent()
    assert faces.y1 >= captions[0].y1
    assert faces.width >= 0.6 * figure.bbox.width


def test_the_picture_has_the_shape_of_a_slide():
    width, height = results(EMOTIONS).get_size_inches()
    assert width / height == pytest.approx(16 / 9)


def test_the_strip_counts_right_and_wrong_faces():
    titles = [axes.get_title() for axes in results(EMOTIONS, faces=3).axes]
    assert "3 test images, evenly spread over the split: 0 right, 3 wrong" in titles
