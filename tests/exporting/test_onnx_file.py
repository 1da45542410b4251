"""The exported file against the network it was made of."""

import json

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from fer import checkpoint
from fer.errors import UserError
from fer.exporting import onnx_file, onnx_precision
from fer.exporting.exported_model import export_program, exported_model
from fer.exporting.parity import difference
from fer.models.repvgg import RepVGG
from fer.prediction import network
from fer.preprocess import to_face

pytestmark = pytest.mark.full  # each traces a network


@pytest.fixture
def model(exported) -> onnx.ModelProto:
    return onnx.load(exported)


def probabilities(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(["probabilities"], {"images": images})[0]


@pytest.mark.parametrize("batch", [1, 7])
def test_it_answers_as_torch_does_in_batches_of_any_size(exported, checkpoint_file, faces, batch):
    classifier = checkpoint.load(checkpoint_file)
    images = torch.from_numpy(faces[:batch])[:, None]
    expected = classifier.logits(images).softmax(1).detach().numpy()
    found = network.load(exported).probabilities(faces[:batch])
    assert expected.std(0).max() > 0.01 or batch == 1  # the faces are told apart at all
    assert np.abs(found - expected).max() < 1e-5


@pytest.mark.parametrize("size", [(20, 20), (48, 48), (96, 96), (200, 120)])
def test_it_resizes_as_the_folder_reader_does(model, size, faces):
    large = [Image.fromarray(face).resize(size, Image.Resampling.BICUBIC) for face in faces[:3]]
    resized = np.stack([to_face(picture) for picture in large])
    found = probabilities(model, np.stack([np.asarray(picture) for picture in large])[:, None])
    assert np.abs(found - probabilities(model, resized[:, None])).max() < 0.01


def test_it_resizes_noise_as_torch_does(exported, checkpoint_file):
    """Noise shows what is done at the borders."""
    module = exported_model(checkpoint.load(checkpoint_file), None)
    assert difference(module, exported, size=(200, 150)) < 0.005


def test_its_axes_have_names(model):
    values = (*model.graph.input, *model.graph.output)
    axes = [[axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values]
    assert axes == [["batch", 1, "height", "width"], ["batch", 7]]


@pytest.fixture(scope="module")
def fixed(mirroring) -> onnx.ModelProto:
    """A file for one picture of 48×48, of a network that averages over mirror images."""
    module = exported_model(mirroring, None, fixed=True)
    return onnx_file.onnx_model(module, {"classes": list(mirroring.classes), "temperature": None})


@pytest.fixture(scope="module", params=["flip", "affine"])
def mirroring(request, checkpoint_file):
    classifier = checkpoint.load(checkpoint_file)
    classifier.hparams.tta = request.param
    return classifier


def test_a_fixed_file_agrees_in_onnxruntime_and_in_opencv(fixed, mirroring, faces):
    expected = mirroring.logits(torch.from_numpy(faces)[:, None]).softmax(1).detach().numpy()
    opencv = cv2.dnn.readNetFromONNX(np.frombuffer(fixed.SerializeToString(), np.uint8))
    for face, row in zip(faces[:3], expected, strict=False):
        assert np.abs(probabilities(fixed, face[None, None]) - row).max() < 1e-5
        opencv.setInput(face[None, None].astype(np.float32))
        assert np.abs(opencv.forward() - row).max() < 1e-5
    sizes = [axis.dim_value for axis in fixed.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == [1, 1, 48, 48]


@pytest.mark.parametrize("opset", [11, pytest.param(22, marks=pytest.mark.slow)])
def test_a_fixed_file_is_written_in_other_versions(mirroring, faces, opset):
    model = onnx_file.onnx_model(exported_model(mirroring, None, fixed=True), {}, opset)
    assert onnx_file.version_of(model) == opset
    expected = mirroring.logits(torch.from_numpy(faces[:1])[:, None]).softmax(1).detach().numpy()
    assert np.abs(probabilities(model, faces[:1, None]) - expected).max() < 1e-5


@pytest.mark.parametrize("opset", [5, 12, pytest.param(99, marks=pytest.mark.slow)])
def test_versions_that_cannot_be_written_are_one_line(checkpoint_file, opset):
    module = exported_model(checkpoint.load(checkpoint_file), None)
    with pytest.raises(UserError, match=f"--opset {opset}") as error:
        onnx_file.onnx_model(module, {}, opset)
    assert "\n" not in str(error.value)


def test_its_metadata_say_what_its_user_has_to_know(model, checkpoint_file):
    known = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(known["classes"]) == list(checkpoint.load(checkpoint_file).classes)
    assert json.loads(known["temperature"]) is None
    assert (float(known["mean"]), float(known["std"])) == (0.5, pytest.approx(0.1))
    assert "luma" in known["preprocessing"]


def test_float16_weights_cost_little_and_take_half(model, faces):
    half = onnx_precision.halve(model)
    assert np.abs(probabilities(half, faces[:, None]) - probabilities(model, faces[:, None])).max() < 0.01
    sizes = [sum(len(tensor.raw_data) for tensor in one.graph.initializer) for one in (half, model)]
    assert sizes[0] < 0.6 * sizes[1]


def test_int8_answers_nearly_the_same(model, faces, tmp_path):
    small = onnx_precision.quantize(model, faces, tmp_path)
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in small.graph.node}
    assert {entry.key for entry in small.metadata_props} >= {entry.key for entry in model.metadata_props}
    found, expected = (probabilities(one, faces[:, None]) for one in (small, model))
    assert 0 < np.abs(found - expected).max() < 0.2


def test_the_temperature_is_inside(checkpoint_file, faces):
    classifier = checkpoint.load(checkpoint_file)
    images = torch.from_numpy(faces)[:, None]
    hot, plain = (exported_model(classifier, temperature)(images) for temperature in (2.0, None))
    assert torch.allclose(hot, (plain.log() / 2).softmax(1), atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_what_is_no_file_of_ours_is_one_line(tmp_path, content):
    path = tmp_path / "x.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"x\.onnx") as error:
        network.load(path)
    assert "\n" not in str(error.value)


def test_an_onnx_file_of_others_is_refused(model, tmp_path):
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"not written by fer\.export"):
        network.load(tmp_path / "other.onnx")


def test_both_back_ends_answer_alike_on_a_photograph(exported, checkpoint_file, astronaut):
    from fer.prediction.detect import Haar
    from fer.prediction.predictor import Predictor

    [[first]], [[second]] = (Predictor(network.load(path), Haar())([astronaut]) for path in (exported, checkpoint_file))
    assert first.box == second.box
    assert np.array_equal(first.pixels, second.pixels)
    assert first.label == second.label
    assert first.probabilities == pytest.approx(second.probabilities, abs=1e-5)


def test_a_network_with_branches_is_exported_fused(checkpoint_file):
    """A program of torch.export, with one convolution a layer and the answers of the network with branches."""
    classifier = checkpoint.load(checkpoint_file)
    torch.manual_seed(0)
    classifier.model = RepVGG(len(classifier.classes), widths=[4, 8], blocks=[2, 1])
    images = torch.randint(0, 256, (7, 1, 48, 48), dtype=torch.uint8)
    classifier.train()(images)
    module = exported_model(classifier, None)
    program = export_program(module)
    targets = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert sum("conv2d" in target for target in targets) == 3
    assert not any("norm" in target for target in targets)
    torch.testing.assert_close(program.module()(images), module(images), rtol=1e-4, atol=1e-6)
    assert any(isinstance(layer, torch.nn.BatchNorm2d) for layer in module.classifier.model.modules())
