import hashlib

import numpy as np
import pytest
from skimage import data

import fer
from fer import shipped
from fer.data.synthetic import synthetic_faces
from fer.errors import UserError


@pytest.fixture
def weights(tmp_path):
    """Two files and their sums."""
    lines = []
    for name in ("small.onnx", "small.pt"):
        (tmp_path / name).write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    return tmp_path


def test_the_onnx_file_is_taken_where_it_can_be_run(weights):
    assert shipped.network_path(folder=weights).name == "small.onnx"


def test_without_onnxruntime_the_checkpoint_is(weights, monkeypatch):
    monkeypatch.setattr(shipped, "find_spec", lambda name: None)
    assert shipped.network_path(folder=weights).name == "small.pt"


def test_who_looks_inside_gets_the_checkpoint(weights):
    assert shipped.network_path(folder=weights, differentiable=True).name == "small.pt"


def test_a_changed_file_is_refused(weights):
    (weights / "small.onnx").write_bytes(b"another")
    with pytest.raises(UserError, match=r"small\.onnx is not the file that was shipped"):
        shipped.network_path(folder=weights)


def test_a_missing_file_is_one_line(weights):
    (weights / "small.onnx").unlink()
    with pytest.raises(UserError, match=r"small\.onnx is missing"):
        shipped.network_path(folder=weights)


def test_without_any_the_line_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="no network ships with this version; name one with --checkpoint"):
        shipped.network_path(folder=tmp_path)


def test_networks_are_found_by_name_and_standard_is_the_default(tmp_path):
    for name in ("tiny", "standard", "pocket"):
        for suffix in (".onnx", ".pt"):
            (tmp_path / f"{name}{suffix}").write_bytes(b"content")
    digest = hashlib.sha256(b"content").hexdigest()
    lines = [f"{digest}  {path.name}\n" for path in sorted(tmp_path.iterdir())]
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    assert shipped.names(tmp_path) == ["standard", "pocket", "tiny"]
    assert shipped.network_path(folder=tmp_path).name == "standard.onnx"
    assert shipped.network_path("tiny", tmp_path, differentiable=True).name == "tiny.pt"
    assert shipped.is_name("tiny", tmp_path)
    assert not shipped.is_name("large", tmp_path)
    with pytest.raises(UserError, match="no network 'large' ships with this version; there are standard, pocket, tiny"):
        shipped.network_path("large", tmp_path)


@pytest.mark.full
def test_shipped_networks_agree_where_all_are_sure():
    drawn = synthetic_faces(train=140, val=7, test=7).images
    pictures = [np.repeat(image[..., None], 3, axis=-1) for image in drawn]
    answers = []
    for name in shipped.names():
        whole = fer.Recogniser(checkpoint=name, detector="none")
        faces = [found[0] for found in whole(pictures)] + list(fer.Recogniser(checkpoint=name)(data.astronaut()))
        answers.append([max(face.probabilities.items(), key=lambda of: of[1]) for face in faces])
    sure = [labels for labels in zip(*answers, strict=True) if all(share > 0.8 for _, share in labels)]
    assert len(sure) >= 10
    assert all(len({label for label, _ in labels}) == 1 for labels in sure)
