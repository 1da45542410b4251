import numpy as np
import pandas as pd
import pytest

from fer import plots
from fer.data.emotions import EMOTIONS

FACES = np.random.default_rng(0).integers(0, 256, (5, 48, 48), dtype=np.uint8)


def drawn(figure) -> None:
    figure.canvas.draw()


def sheet_of(figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def holds(sheet: np.ndarray, face: np.ndarray) -> bool:
    windows = np.lib.stride_tricks.sliding_window_view(sheet, face.shape)
    return bool((windows == face).all((2, 3)).any())


@pytest.mark.parametrize("columns", [1, 3, 8])
@pytest.mark.parametrize("titles", [None, list("abcde"), ["a\nb"] * 5])
def test_a_sheet_shows_every_face_whole(columns, titles):
    figure = plots.face_sheet(FACES, titles, columns=columns)
    assert all(holds(sheet_of(figure), face) for face in FACES)
    assert [text.get_text() for text in figure.axes[0].texts] == (titles or [])
    drawn(figure)


def test_integers_and_floats_look_the_same():
    limits = [plots.face_sheet(images).axes[0].images[0].get_clim() for images in (FACES, FACES / 255)]
    assert limits == [(0, 255), (0, 1)]


def test_a_wrong_prediction_names_the_truth():
    figure = plots.prediction_sheet(FACES[:2], ["sad", "happy"], ["sad", "fear"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["sad", "fear\n(is happy)"]


def test_a_confusion_matrix_shows_share_and_count():
    figure = plots.confusion_figure(np.array([[3, 1], [0, 0]]), ["happy", "sad"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["75 %\n3", "25 %\n1", "0 %\n0", "0 %\n0"]
    drawn(figure)


def test_every_emotion_has_its_colour():
    assert set(plots.PALETTE) == {*EMOTIONS, "contempt"}
    assert len(set(plots.PALETTE.values())) == len(plots.PALETTE)


@pytest.mark.parametrize(
    "columns", [["val/loss", "val/accuracy"], ["val/loss", "val/accuracy", "train/loss", "lr-SGD"]]
)
def test_curves_take_what_the_run_logged(columns):
    table = pd.DataFrame({"epoch": [0, 1], "step": [5, 10], **{column: [0.5, 0.4] for column in columns}})
    figure = plots.curves_figure(table)
    assert sum(len(axes.lines) for axes in figure.axes) == len(columns)
