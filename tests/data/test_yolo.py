"""Boxes as YOLO has them, without data.yaml; with it they are tested beside the other lists."""

import pytest
from PIL import Image

from fer.data.fer2013 import read_fer2013


def save(path, value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (48, 48), value).save(path)


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def labels(faces) -> dict[int, str]:
    """Grey level of each picture -> its class."""
    values = faces.images[:, 0, 0].tolist()
    return dict(zip(values, (faces.classes[label] for label in faces.labels), strict=True))


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
