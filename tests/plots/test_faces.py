import numpy as np
import pytest

from fer import plots
from fer.data.emotions import EMOTIONS
from fer.palette import contrast

FACES = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)


def sheet_of(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def holds(sheet: np.ndarray, face: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(sheet, face.shape)
    return bool((windows == face).all((2, 3)).any())


def captions(figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("columns", [1, 3, 8])
@pytest.mark.parametrize("titles", [None, list("abcde"), ["a\nb"] * 5])
def test_a_sheet_shows_every_face_whole(columns, titles):
    figure = plots.face_sheet(FACES, titles, columns=columns)
    assert all(holds(sheet_of(figure), face) for face in FACES)
    assert captions(figure) == (titles or [])
    figure.draw_without_rendering()


def test_integers_and_floats_look_the_same():
    limits = [plots.face_sheet(images).axes[0].images[0].get_clim() for images in (FACES, FACES / 255)]
    assert limits == [(0, 255), (0, 1)]


def test_a_wrong_prediction_names_the_truth():
    figure = plots.prediction_sheet(FACES[:2], ["sad", "happy"], ["sad", "fear"])
    assert captions(figure) == ["sad", "said fear,\nis happy"]


def test_a_caption_states_the_probability():
    figure = plots.prediction_sheet(FACES[:2], ["happy", "sad"], ["happy", "happy"], [0.994, 0.71])
    assert captions(figure) == ["happy 99\N{NO-BREAK SPACE}%", "said happy 71\N{NO-BREAK SPACE}%,\nis sad"]


@pytest.mark.parametrize("heading", ["", "FER2013: 71.0 % of 3,589 test images right", "one two three " * 12])
@pytest.mark.parametrize("label", ["surprise", "compound_emotion_number_12", "happily disgusted or surprised"])
def test_long_names_stay_inside_their_columns(label, heading, check_readable):
    images = np.repeat(FACES, 4, axis=0)
    check_readable(plots.prediction_sheet(images, ["contempt"] * 20, [label] * 20, [1.0] * 20, heading))


def test_captions_are_dark_enough_for_small_text():
    assert min(contrast(color, "#ffffff") for color in (plots.RIGHT, plots.WRONG)) >= 4.5


def test_every_emotion_has_its_colour():
    assert set(plots.PALETTE) == {*EMOTIONS, "contempt"}
    assert len(set(plots.PALETTE.values())) == len(plots.PALETTE)
