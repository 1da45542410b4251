"""Lists beside the pictures of each split, as Roboflow exports them and Hugging Face's `imagefolder` has them."""

import json

import numpy as np
import pytest
from PIL import Image

from fer.data.sources import read_faces
from fer.errors import UserError

EMOTIONS = ("angry", "happy", "sad")
SPLITS = ("train", "valid", "test")


def annotations(names):
    rows = [f"{name},96,96,{label},48,0,96,48" for name, label in zip(names, EMOTIONS, strict=True)]
    return "\n".join(["filename,width,height,class,xmin,ymin,xmax,ymax", *rows])


def one_hot(names):
    rows = [", ".join([name, *("01"[row == column] for column in range(3))]) for row, name in enumerate(names)]
    return "\n".join(["filename, " + ", ".join(EMOTIONS), *rows])


def coco(names):
    pictures = [{"id": 7 + row, "file_name": name} for row, name in enumerate(names)]
    categories = [{"id": row + 1, "name": label} for row, label in enumerate(EMOTIONS)]
    faces = [{"image_id": 7 + row, "category_id": row + 1, "bbox": [48, 0, 48, 48]} for row in range(3)]
    return json.dumps(
        {"images": pictures, "categories": [{"id": 0, "name": "face"}, *categories], "annotations": faces}
    )


def metadata(names):
    return "\n".join(["file_name,label", *(f"{name},{label}" for name, label in zip(names, EMOTIONS, strict=True))])


def json_lines(names):
    rows = zip(names, EMOTIONS, strict=True)
    return "\n".join(json.dumps({"file_name": name, "label": label}) for name, label in rows) + "\n\n"


WRITERS = {
    "_annotations.csv": (annotations, True),
    "_classes.csv": (one_hot, False),
    "_annotations.coco.json": (coco, True),
    "metadata.csv": (metadata, False),
    "metadata.jsonl": (json_lines, False),
}


def write(root, name):
    """Writes pictures whose right upper quarter is bright, and a list for each split."""
    for number, split in enumerate(SPLITS):
        names = [f"{label}_jpg.rf.{row}.png" for row, label in enumerate(("a", "b", "c"))]
        (root / split).mkdir(parents=True)
        for row, file in enumerate(names):
            picture = Image.new("L", (96, 96), 1)
            picture.paste(50 + 10 * number + row, (48, 0, 96, 48))
            picture.save(root / split / file)
        (root / split / name).write_text(WRITERS[name][0](names))


@pytest.mark.parametrize("source", ["auto", "folder"])
@pytest.mark.parametrize("name", WRITERS)
def test_all_splits_are_read_with_labels_and_boxes(tmp_path, name, source):
    write(tmp_path, name)
    faces, _ = read_faces(source, str(tmp_path))
    if WRITERS[name][1]:
        assert sorted(faces.images[:, 5, 5]) == [50, 51, 52, 60, 61, 62, 70, 71, 72]
    order = np.argsort(faces.images[:, 5, 40])
    assert [faces.classes[label] for label in faces.labels[order]] == list(EMOTIONS) * 3
    assert faces.folder[order].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_picture_of_two_classes_or_of_none_is_left_out(tmp_path):
    write(tmp_path, "_classes.csv")
    path = tmp_path / "train" / "_classes.csv"
    path.write_text(path.read_text().replace("0, 1, 0", "1, 1, 0").replace("0, 0, 1", "0, 0, 0"))
    faces, _ = read_faces("auto", str(tmp_path))
    assert len(faces) == 7
    assert any("2 faces left out" in note for note in faces.notes)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("_annotations.coco.json", "{", "not COCO's JSON"),
        ("_annotations.coco.json", "[]", "not COCO's JSON"),
        ("_annotations.coco.json", '{"annotations": [{"bbox": [1, 2]}]}', "not COCO's JSON"),
        ("metadata.jsonl", "[1]", "line 1: not JSON"),
        ("metadata.jsonl", "{}\n{", "line 2: not JSON"),
        ("metadata.csv", "file_name,colour\na.png,red", r"no labels.*data\.labels=FILE"),
    ],
)
def test_other_content_is_one_line(tmp_path, name, content, message):
    write(tmp_path, "metadata.csv")
    for split in SPLITS:
        (tmp_path / split / "metadata.csv").unlink()
    (tmp_path / "train" / name).write_text(content)
    with pytest.raises(UserError, match=message) as error:
        read_faces("auto", str(tmp_path))
    assert "\n" not in str(error.value)


def test_class_folders_count_more_than_a_list_of_other_facts(tmp_path):
    write(tmp_path, "metadata.csv")
    for split in SPLITS:
        (tmp_path / split / "metadata.csv").unlink()
        (tmp_path / split / "happy").mkdir()
        (tmp_path / split / "a_jpg.rf.0.png").rename(tmp_path / split / "happy" / "a.png")
    (tmp_path / "train" / "metadata.csv").write_text("file_name,label\nb_jpg.rf.1.png,blurred")
    faces, _ = read_faces("auto", str(tmp_path))
    assert [faces.classes[label] for label in faces.labels] == ["happy"] * 3
