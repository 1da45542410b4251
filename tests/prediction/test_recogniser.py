import io
import pickle

import numpy as np
import pytest
from PIL import Image

import fer
from fer.errors import UserError
from fer.prediction.card import default_threshold
from fer.prediction.given_pictures import array_image, to_image


@pytest.fixture(scope="module")
def recogniser() -> fer.Recogniser:
    return fer.Recogniser()


@pytest.fixture
def path(astronaut, tmp_path):
    astronaut.save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def encoded(path) -> bytes:
    return path.read_bytes()


FORMS = {
    "path": lambda path: path,
    "text": str,
    "bytes": encoded,
    "PIL": Image.open,
    "array": lambda path: np.asarray(Image.open(path)),
    "RGBA": lambda path: np.asarray(Image.open(path).convert("RGBA")),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_in_any_form_gets_the_same_answer(recogniser, path, form):
    expected = recogniser(path)
    recognition = recogniser(FORMS[form](path))
    assert len(recognition) == 1
    assert recognition[0].label == "happy"
    assert recognition.to_pandas().equals(expected.to_pandas())


def test_bgr_arrays_are_turned_round(recogniser, path):
    rgb = np.asarray(Image.open(path))
    assert recogniser(rgb[:, :, ::-1], bgr=True).to_pandas().equals(recogniser(rgb).to_pandas())
    four = np.asarray(Image.open(path).convert("RGBA"))
    assert np.array_equal(np.asarray(array_image(four[:, :, [2, 1, 0, 3]], bgr=True)), rgb)


def test_a_list_gives_a_list(recogniser, path):
    blank = np.zeros((200, 300, 3), np.uint8)
    first, second = recogniser([path, blank])
    assert [face.label for face in first] == ["happy"]
    assert len(second) == 0
    assert recogniser([]) == []


def test_results_show_what_was_recognised(recogniser, path):
    recognition = recogniser(path)
    assert repr(recognition).startswith("1: happy ")
    assert recognition.annotated.size == recognition.picture.size
    shown = recognition._repr_html_()
    assert shown.startswith('<img src="data:image/png;base64,')
    assert shown.count("<tr>") == len(recogniser.classes)
    assert repr(recogniser(np.zeros((200, 300), np.uint8))) == "no face found"


def test_a_row_for_each_face_with_its_probabilities(recogniser, path):
    table = recogniser(path).to_pandas()
    assert list(table.columns) == ["face", "left", "top", "width", "height", "label", *recogniser.classes]
    assert table[list(recogniser.classes)].sum(axis=1).tolist() == pytest.approx([1])


def test_a_face_below_the_threshold_is_unsure(path):
    recognition = fer.Recogniser(threshold=0.99)(path)
    assert recognition[0].label == "unsure"
    assert repr(recognition).startswith("1: unsure (happy ")


def test_by_default_the_threshold_is_that_of_the_card(recogniser):
    assert recogniser.predictor.threshold == default_threshold(recogniser.predictor.network.name) > 0.3


def test_the_detectors_name_stands_with_the_answer(recogniser, path):
    assert recogniser(path).detector == "haar"
    assert fer.recognise(path, detector="none").detector == "none"


def test_without_a_detector_the_whole_picture_is_the_face(path):
    recognition = fer.Recogniser(detector="none")(path)
    assert recognition[0].box == (0, 0, *recognition.picture.size)


def test_the_orientation_of_a_photo_is_applied(path):
    file = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(file, "JPEG", exif=exif)
    width, height = Image.open(path).size
    assert to_image(file.getvalue()).size == (height, width)


def test_open_files_are_pictures(path):
    with path.open("rb") as file:
        assert to_image(file).tobytes() == to_image(path).tobytes()
    assert to_image(io.BytesIO(path.read_bytes())).size == to_image(path).size


def test_a_recogniser_and_its_faces_can_be_pickled(recogniser, path):
    faces = recogniser(path)
    other, same = pickle.loads(pickle.dumps((recogniser, faces)))
    assert [face.label for face in same] == [face.label for face in other(path)] == [face.label for face in faces]


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("https://example.org/a.jpg", "URLs are not read; download the picture"),
        ("nowhere.jpg", "nowhere.jpg: "),
        (b"no picture", "the picture: "),
        (np.zeros((3, 4, 5), np.uint8), r"expected an array \(height, width\)"),
        (np.zeros((3, 4)), "of float64"),
        (np.zeros((0, 0, 3), np.uint8), "no pixels"),
        (7, "expected a path, bytes, a file, a PIL image or an array; got int"),
    ],
)
def test_what_is_no_picture_is_one_line(recogniser, picture, message):
    with pytest.raises(UserError, match=message):
        recogniser(picture)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"detector": "yolo"}, "expected one of haar, haar-fast, centerface, yunet, none"),
        ({"detector": "yunet", "yunet": "no/such.onnx"}, r"no such file: no/such\.onnx"),
        ({"threshold": 1.5}, "from 0 to 1"),
        ({"threshold": "high"}, "from 0 to 1"),
        ({"checkpoint": "nowhere.ckpt"}, "nowhere.ckpt: no such file"),
    ],
)
def test_options_that_cannot_be_are_one_line(path, options, message):
    with pytest.raises(UserError, match=message):
        fer.Recogniser(**options)(path)
