"""The command. What is in an ONNX file is tested beside fer.exporting.onnx_file."""

import json

import pytest
import torch

from fer import checkpoint, export
from fer.errors import UserError
from fer.exporting import formats

pytestmark = pytest.mark.slow  # each traces a network


@pytest.fixture
def net(checkpoint_file, tmp_path, monkeypatch):
    """A copy of the checkpoint, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.ckpt").write_bytes(checkpoint_file.read_bytes())
    return tmp_path / "net.ckpt"


def test_the_file_lies_beside_the_checkpoint_and_the_next_command_is_named(net, capsys):
    export.main(["net.ckpt"])
    said = capsys.readouterr().out.splitlines()
    assert said[-2].startswith("wrote net.onnx: 0.0")
    assert said[-1] == "next: python -m fer.predict PICTURE --checkpoint net.onnx"


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_what_a_lower_precision_costs_is_measured_on_validation(net, capsys, precision):
    export.main(["net.ckpt", "--precision", precision])
    said = capsys.readouterr().out
    assert "validation, 14 faces of SYNTHETIC FACES" in said
    assert f"{precision} file" in said
    assert (net.parent / f"net.{precision}.onnx").is_file()


def test_without_data_fp16_is_not_measured_and_int8_is_refused(net, capsys):
    content = torch.load(net, weights_only=True)
    content["hyper_parameters"]["experiment"] = None
    torch.save(content, net)
    export.main(["net.ckpt", "--precision", "fp16"])
    assert "the accuracy of fp16 was not measured" in capsys.readouterr().out
    with pytest.raises(UserError, match="int8 takes its ranges from training faces"):
        export.main(["net.ckpt", "--precision", "int8"])


def test_a_torch_program_answers_by_itself(net, faces):
    export.main(["net.ckpt", "--format", "torch"])
    extra = {"metadata.json": ""}
    program = torch.export.load(net.with_suffix(".pt2"), extra_files=extra).module()
    images = torch.from_numpy(faces)[:, None]
    expected = checkpoint.load(net).logits(images).softmax(1)
    assert torch.allclose(program(images), expected, atol=1e-5)
    assert json.loads(extra["metadata.json"])["classes"][3] == "happy"


def test_an_existing_checkpoint_is_not_replaced(net):
    with pytest.raises(UserError, match="would replace the checkpoint"):
        export.main(["net.ckpt", "--format", "weights", "--out", "net.ckpt"])


def test_numbers_name_the_class_folders_of_data(net, monkeypatch):
    """`--numbers` reaches the data module as `labels.numbers`."""
    calls = []
    monkeypatch.setattr(
        formats, "experiment_data", lambda path, data, numbers: calls.append((data, numbers)) or (None, "no")
    )
    export.main(["net.ckpt", "--data", "faces", "--numbers", "{1: happy}", "--precision", "fp16"])
    assert calls == [(["faces"], {1: "happy"})]
