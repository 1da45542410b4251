import numpy as np
import pytest
from PIL import Image

from fer import predict
from fer.errors import UserError
from fer.prediction import detect, opencv, options

skimage_data = pytest.importorskip("skimage.data")


def grey(picture) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).convert("L"))


def test_the_astronauts_face_is_found():
    [(left, top, width, height)] = detect.Haar()(grey(skimage_data.astronaut()))
    assert abs(left - 174) < 15
    assert abs(top - 66) < 15
    assert 80 < width == height < 120


@pytest.mark.parametrize("name", ["rocket", "chelsea", "coffee", "coins", "camera"])
def test_no_face_is_found_where_there_is_none(name):
    picture = getattr(skimage_data, name)()
    assert detect.Haar()(grey(picture)) == []


def test_faces_are_found_in_large_pictures_and_placed_in_their_pixels():
    large = np.asarray(Image.fromarray(skimage_data.astronaut()).resize((3000, 3000)).convert("L"))
    [(left, top, width, _)] = detect.Haar()(large)
    assert abs(left - 174 * 3000 / 512) < 90
    assert abs(top - 66 * 3000 / 512) < 90
    assert abs(width - 98 * 3000 / 512) < 90


def test_several_faces_come_from_left_to_right():
    face = Image.fromarray(skimage_data.astronaut()).crop((100, 0, 300, 220))
    both = Image.new("RGB", (500, 220), "gray")
    both.paste(face, (280, 0))
    both.paste(face, (20, 0))
    boxes = detect.Haar()(np.asarray(both.convert("L")))
    assert len(boxes) == 2
    assert boxes[0][0] < 250 < boxes[1][0]


@pytest.mark.parametrize("box", [(10, 20, 30, 40), (-5, -5, 30, 30), (80, 40, 40, 40), (0, 0, 100, 60)])
@pytest.mark.parametrize("margin", [0.5, 1.0, 1.7])
def test_crops_are_squares_inside_the_picture(box, margin):
    left, top, right, bottom = detect.square(box, margin, 100, 60)
    assert right - left == pytest.approx(bottom - top)
    assert min(left, top) >= 0
    assert right <= 100
    assert bottom <= 60


def test_a_crop_has_the_middle_of_the_box_and_margin_times_its_longer_side():
    left, top, right, bottom = detect.square((40, 50, 20, 30), 2.0, 200, 200)
    assert ((left + right) / 2, (top + bottom) / 2, right - left) == (50, 65, 60)


def test_the_crop_drops_along_the_tilted_face():
    framing = detect.Framing(1.0, 0.25)
    assert detect.square((100, 100, 40, 40), framing, 300, 300) == (100, 110, 140, 150)
    assert detect.square((100, 100, 40, 40), framing, 300, 300, tilt=90) == (90, 100, 130, 140)
    assert detect.square((100, 100, 40, 40), framing, 300, 300, tilt=180) == (100, 90, 140, 130)


def test_a_detector_that_does_not_exist_is_one_line():
    with pytest.raises(UserError, match="expected one of haar, haar-fast, centerface, yunet, none"):
        detect.named("yolo")


def test_the_options_agree_with_the_detectors():
    assert options.NAMES == detect.NAMES
    assert set(detect.ABOUT) == set(detect.NAMES)
    assert detect.named("none") is None
    assert detect.name_of(None) == "none"
    assert detect.name_of(detect.Haar()) == "haar"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ([], "haar"),
        (["--detector", "centerface"], "centerface"),
        (["--yunet", "a.onnx"], "yunet"),
        (["--no-detect"], "none"),
        (["--detector", "none"], "none"),
    ],
)
def test_options_choose_the_detector(words, name):
    assert options.detector_name(predict.parser().parse_args(["a.jpg", *words])) == name


@pytest.mark.parametrize("words", [["--no-detect", "--detector=haar"], ["--yunet=a.onnx", "--detector=haar"]])
def test_options_that_contradict_each_other_are_one_line(words):
    with pytest.raises(UserError, match="contradict each other"):
        options.detector_name(predict.parser().parse_args(["a.jpg", *words]))


def test_an_opencv_without_cascades_is_one_line(monkeypatch):
    monkeypatch.delattr(opencv.opencv(), "CascadeClassifier")
    with pytest.raises(UserError, match="has no face cascades"):
        detect.Haar()


def test_a_larger_smallest_face_leaves_large_ones_as_they_are():
    """`fer.serve --min-face` sets `divisor`."""
    haar, picture = detect.Haar(), grey(skimage_data.astronaut())
    [box] = haar(picture)
    haar.divisor = 512 / (box[2] - 30)
    assert haar(picture) == [pytest.approx(box, abs=4)]
    haar.divisor = 512 / (box[2] + 60)
    assert haar(picture) == []


@pytest.mark.parametrize("side", [300, 512, 900])
def test_the_fast_search_finds_what_opencvs_own_does(side):
    picture = grey(np.asarray(Image.fromarray(skimage_data.astronaut()).resize((side, side))))
    [box], [expected] = detect.named("haar-fast")(picture), detect.Haar()(picture)
    assert box == pytest.approx(expected, abs=0.08 * expected[2])


@pytest.mark.parametrize("name", ["rocket", "chelsea", "coffee", "coins", "camera"])
def test_the_fast_search_finds_no_face_where_there_is_none(name):
    assert detect.named("haar-fast")(grey(getattr(skimage_data, name)())) == []
