"""Boxes as YOLO has them, without data.yaml; with it they are tested beside the other lists."""

import pytest

from fer.data.fer2013 import read_fer2013

from .grey_pictures import labels, save, write


@pytest.mark.parametrize(
    ("names", "picture", "text"),
    [
        ("classes.txt", "images/train/a.png", "labels/train/a.txt"),
        ("labels/classes.txt", "images/a.png", "labels/a.txt"),
        ("train/_darknet.labels", "train/a.png", "train/a.txt"),
        ("obj.names", "obj_train_data/a.png", "obj_train_data/a.txt"),
    ],
)
def test_yolo_without_yaml_has_its_classes_in_a_text(tmp_path, names, picture, text):
    save(tmp_path / picture)
    write(tmp_path / names, "happy", "sad")
    write(tmp_path / text, "1 0.5 0.5 1 1")
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {100: "sad"}
    assert faces.folder.tolist() == [0 if "train/" in picture else -1]
