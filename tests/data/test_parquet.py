"""Parquet and Arrow files as Hugging Face's `datasets` writes them."""

import io
import json
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from fer.data.emotions import EMOTIONS
from fer.data.fer2013 import read_fer2013
from fer.data.labelling import Labelling
from fer.data.own_pictures import read_own
from fer.data.parquet_table import role_of_file
from fer.errors import UserError

pyarrow = pytest.importorskip("pyarrow")
NAMES = sorted(EMOTIONS)  # as a folder of pictures becomes a data set


def png(image) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def write(path, faces, image="image", label="label", names=NAMES, nested=True, stream=True):
    """Writes faces as one file, Parquet or Arrow by its suffix; numbers as labels where `names` has them or is None."""
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    content = [png(face) for face in faces.images]
    pictures = [{"bytes": data, "path": f"{row}.png"} for row, data in enumerate(content)] if nested else content
    codes = [NAMES.index(EMOTIONS[code]) for code in faces.labels]
    table = pyarrow.table({image: pictures, label: codes})
    if names is not None:
        features = {image: {"_type": "Image"}, label: {"names": names, "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    else:
        new = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
        with pyarrow.OSFile(str(path), "wb") as file, new(file, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize(
    "pattern",
    [
        "data/{}-00000-of-00001-1a2b.parquet",
        "default/{}/0000.parquet",
        "{}.parquet",
        "{}/data-00000-of-00001.arrow",
        "fer2013-{}.arrow",
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_splits_and_classes_are_those_of_the_files(pattern, packed, faces, rows_of, tmp_path):
    for part, role in (("train", 0), ("validation", 1), ("test", 2)):
        write(tmp_path / "set" / pattern.format(part), faces.take(faces.usage == role))
    root = tmp_path / "set"
    if packed:
        shutil.make_archive(str(tmp_path / "packed" / "set"), "zip", root_dir=root)
        root = tmp_path / "packed"
    found = read_fer2013([root])
    assert sorted(image.tobytes() for image in found.images) == sorted(image.tobytes() for image in faces.images)
    expected = dict(
        zip((image.tobytes() for image in faces.images), zip(faces.labels, faces.usage, strict=True), strict=True)
    )
    for image, label, role in zip(found.images, found.labels, found.folder, strict=True):
        assert (label, role) == expected[image.tobytes()]
    assert len(set(found.ids)) == len(found)


@pytest.mark.parametrize(("image", "label", "nested"), [("img_bytes", "labels", False), ("img", "emotion", True)])
def test_columns_may_have_other_names(image, label, nested, faces, tmp_path):
    write(tmp_path / "train.parquet", faces, image, label, nested=nested)
    assert np.array_equal(read_fer2013([tmp_path]).labels, faces.labels)


def test_columns_may_be_named(faces, tmp_path):
    path = write(tmp_path / "train.parquet", faces, "photo", "feeling")
    found = read_fer2013([path], labelling=Labelling(columns={"pixels": "photo", "label": "feeling"}))
    assert np.array_equal(found.labels, faces.labels)


def test_arrow_files_may_be_no_streams(faces, tmp_path):
    write(tmp_path / "train.arrow", faces, stream=False)
    assert np.array_equal(read_fer2013([tmp_path]).labels, faces.labels)


def test_numbers_without_names_need_a_mapping(faces, tmp_path):
    write(tmp_path / "train.parquet", faces, names=None)
    with pytest.raises(UserError, match=r"labels 0, 1, 2, 3, … are numbers; .*labels\.numbers="):
        read_fer2013([tmp_path])
    found = read_fer2013([tmp_path], labelling=Labelling(dict(enumerate(NAMES))))
    assert np.array_equal(found.labels, faces.labels)


def test_names_may_stand_beside_an_arrow_file(faces, tmp_path):
    write(tmp_path / "train" / "data-00000-of-00001.arrow", faces, names=None)
    features = {"label": {"names": NAMES, "_type": "ClassLabel"}}
    (tmp_path / "train" / "dataset_info.json").write_text(json.dumps({"features": features}))
    assert np.array_equal(read_fer2013([tmp_path]).labels, faces.labels)


def test_pixels_may_be_texts_or_lists(faces, tmp_path):
    import pyarrow.parquet

    for values in (
        [" ".join(map(str, image.ravel())) for image in faces.images],
        [image.ravel().tolist() for image in faces.images],
        [image.tolist() for image in faces.images],
    ):
        labels = [EMOTIONS[code] for code in faces.labels]
        pyarrow.parquet.write_table(pyarrow.table({"pixels": values, "emotion": labels}), tmp_path / "x.parquet")
        found = read_fer2013([tmp_path / "x.parquet"])
        assert np.array_equal(found.images, faces.images)
        assert np.array_equal(found.labels, faces.labels)


def test_own_classes_are_those_of_the_file(faces, tmp_path):
    write(tmp_path / "train.parquet", faces, names=[f"class {name}" for name in NAMES])
    assert read_own([tmp_path]).classes == tuple(f"class {name}" for name in NAMES)
    with pytest.raises(UserError, match=r"unknown label 'class angry'"):
        read_fer2013([tmp_path])


def test_a_row_without_a_picture_is_an_error_or_skipped(tmp_path):
    import pyarrow.parquet

    table = pyarrow.table({"image": [b"no picture", png(np.zeros((48, 48), np.uint8))], "label": ["sad", "sad"]})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(UserError, match=r"x\.parquet, row 0: .*data\.on_bad_row=skip"):
        read_fer2013([tmp_path])
    found = read_fer2013([tmp_path], "skip")
    assert found.ids.tolist() == ["x_1"]
    assert "1 bad row skipped" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"nonsense", "damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
    ],
)
def test_a_damaged_file_is_one_line(content, complaint, tmp_path):
    (tmp_path / "train.parquet").write_bytes(content)
    with pytest.raises(UserError, match=rf"train\.parquet: {complaint}"):
        read_fer2013([tmp_path])


def test_without_pyarrow_the_message_names_it(faces, tmp_path, monkeypatch):
    write(tmp_path / "train.parquet", faces)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match=r"needs pyarrow: pip install 'fer-lightning\[parquet\]'"):
        read_fer2013([tmp_path])


def test_files_of_other_things_are_passed_over(faces, write_pictures, tmp_path):
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "other.parquet")
    write_pictures(tmp_path, faces, "{part}/{emotion}/{row}.png")
    assert len(read_fer2013([tmp_path])) == len(faces)


@pytest.mark.parametrize(
    ("name", "role"),
    [("data/train-0-of-1.parquet", 0), ("test/0.parquet", 2), ("a-validation.arrow", 1), ("x/y.parquet", -1)],
)
def test_the_role_is_in_the_name(name, role):
    assert role_of_file(name) == role
