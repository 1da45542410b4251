"""What the command refuses before it reads anything; its files are tested in tests/exporting."""

import pytest

from fer import export
from fer.errors import UserError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "x.mlpackage"], r"x\.mlpackage: coreml is not written; .*fer/exporting/README\.md"),
        (["--out", "x.TFLITE"], r"x\.TFLITE: tflite is not written; .*fer/exporting/README\.md"),
        (["--format", "coreml"], r"--format coreml: coreml is not written"),
        (["--format", "tflite", "--out", "x.tflite"], r"x\.tflite: tflite is not written"),
        (["--out", "net.engine"], r"net\.engine: tensorrt is not written; .*trtexec --onnx="),
        (["--out", "net.pt2"], r"net\.pt2: \.pt2 is the suffix of --format torch, and --format is onnx"),
        (["--format", "torch", "--out", "net.onnx"], r"\.onnx is the suffix of --format onnx, and --format is torch"),
    ],
)
def test_files_of_other_formats_are_refused_before_anything_is_read(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        export.main(["net.ckpt", *options])
    assert not list(tmp_path.glob("[!.]*"))
