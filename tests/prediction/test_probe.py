import numpy as np
import pytest
from PIL import Image

from fer import predict
from fer.errors import UserError
from fer.prediction import probe
from fer.prediction.predictor import Predictor
from fer.prediction.torch_network import TorchNetwork


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)).save("a.png")


def test_each_face_has_a_picture_that_explains_it(checkpoint_file, capsys):
    assert predict.main(["a.png", "--probe", "--no-detect", "--checkpoint", str(checkpoint_file)]) == 0
    assert Image.open("probe/a-face1.png").size[0] > 1000
    said = capsys.readouterr().out
    assert "wrote probe/a-face1.png" in said
    assert "next: open probe/a-face1.png" in said


@pytest.mark.full
def test_pictures_of_one_name_in_two_folders_have_a_picture_each(checkpoint_file, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        Image.open("a.png").save(f"{folder}/a.png")
    arguments = ["one", "two", "--probe", "--no-detect", "--checkpoint", str(checkpoint_file)]
    assert predict.main(arguments) == 0
    assert {path.name for path in (tmp_path / "probe").iterdir()} == {"a-face1.png", "a-face1-2.png"}


def test_an_answer_holds_all_its_parts(checkpoint_file, faces):
    predictor = Predictor(TorchNetwork(checkpoint_file))
    training, why = probe.training_faces(predictor, None)
    [[face]] = predictor([Image.fromarray(faces[0])])
    answer = probe.explain_face(faces[0], face, predictor, training, why)
    assert answer.heat.shape == (48, 48)
    assert len(answer.alike) == probe.NEIGHBOURS
    assert answer.remarks == []


def test_the_nearest_training_face_of_a_training_face_is_itself(checkpoint_file):
    predictor = Predictor(TorchNetwork(checkpoint_file))
    training, _ = probe.training_faces(predictor, None)
    own = training.split("train").images[5, 0].numpy()
    [[face]] = predictor([Image.fromarray(own)])
    nearest, _, likeness = probe.neighbours(predictor.network.classifier, face, training)[0]
    assert np.array_equal(nearest, own)
    assert likeness == "cosine 1.00"


def test_an_onnx_file_says_why_it_cannot_be_looked_into(exported):
    assert predict.main(["a.png", "--probe", "--no-detect", "--checkpoint", str(exported), "--out", "out"]) == 0
    assert Image.open("out/a-face1.png").size[0] > 1000


def test_broken_pictures_and_such_without_a_face_are_said(checkpoint_file, capsys):
    Image.new("L", (200, 200)).save("b.png")
    assert predict.main(["b.png", "no.png", "--probe", "--checkpoint", str(checkpoint_file)]) == 1
    said = capsys.readouterr().out
    assert "b.png: no face found" in said
    assert "no.png: no such file" in said


def test_films_are_refused(checkpoint_file, film):
    with pytest.raises(UserError, match="--probe explains pictures"):
        predict.main([str(film), "--probe", "--checkpoint", str(checkpoint_file)])
