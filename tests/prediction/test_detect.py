import numpy as np
import pytest
from PIL import Image

from fer.errors import UserError
from fer.prediction import detect, opencv

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


def test_yunet_needs_its_file(tmp_path):
    with pytest.raises(UserError, match=r"no such file: .*yunet\.onnx; OpenCV's model zoo"):
        detect.YuNet(tmp_path / "yunet.onnx")
    (tmp_path / "yunet.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match="no YuNet face detector"):
        detect.YuNet(tmp_path / "yunet.onnx")


class FakeYuNet:
    """OpenCV's interface: boxes with landmarks and score as rows of floats, None without a face."""

    rows = None

    def setInputSize(self, size):
        self.size = size

    def detect(self, picture):
        assert picture.shape[:2] == self.size[::-1]
        return 1, self.rows


def test_yunets_boxes_are_placed_in_the_pictures_pixels(tmp_path, monkeypatch):
    (tmp_path / "yunet.onnx").touch()
    network = FakeYuNet()
    monkeypatch.setattr(opencv.opencv().FaceDetectorYN, "create", lambda *_: network)
    find = detect.YuNet(tmp_path / "yunet.onnx")
    assert find(np.zeros((100, 200), np.uint8)) == []
    network.rows = np.array([[100.0, 50, 20, 30, *[0] * 11], [-4.0, 10, 20, 30, *[0] * 11]], np.float32)
    assert find(np.zeros((1024, 2048), np.uint8)) == [(0, 20, 32, 60), (200, 100, 40, 60)]


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
