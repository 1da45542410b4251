"""`data.align`: whole photographs are cropped to the face in them."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

import fer.threads
from fer.data import face_crops
from fer.data.datamodule import FERDataModule
from fer.data.sources import read_faces
from fer.errors import UserError
from fer.prediction.predictor import Detection


class Bright:
    """A detector whose face is the bright part of a picture; it finds none in a dark one."""

    calls = 0

    def detect(self, picture):
        Bright.calls += 1
        grey = np.asarray(picture.convert("L"))
        rows, columns = np.nonzero(grey > 200)
        if not len(rows):
            return Detection(*picture.size, [], [], np.empty((0, 48, 48), np.uint8))
        left, top = columns.min(), rows.min()
        boxes = [(0, 0, 5, 5), (left, top, np.ptp(columns) + 1, np.ptp(rows) + 1)]
        faces = np.stack([np.zeros((48, 48), np.uint8), np.full((48, 48), grey.max(), np.uint8)])
        return Detection(*picture.size, boxes, boxes, faces)


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Class folders of photographs, each with a face but one, and a list of them."""
    monkeypatch.setattr(face_crops, "resolve", lambda path: lambda network, detector: Bright())
    monkeypatch.setattr(face_crops, "build", lambda node: None)
    lines = ["path,label"]
    for number in range(8):
        picture = Image.new("L", (120, 90), 50)
        if number:
            picture.paste(210 + number, (30, 20, 80, 70))
        name = f"{('happy', 'sad')[number % 2]}/{number}.png"
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        picture.save(tmp_path / "photos" / name)
        lines.append(name.replace("/", "\\") + f",{name.split('/', maxsplit=1)[0]}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    return tmp_path


@pytest.mark.parametrize("source", ["auto", "folder"])
@pytest.mark.parametrize("labels", [None, "list.csv"])
def test_pictures_are_cropped_to_the_largest_face(photographs, source, labels):
    options = {"labels": str(photographs / labels)} if labels else {}
    root = str(photographs / "photos")
    faces, _ = read_faces(source, root, align=True, **options)
    assert sorted(faces.images[:, 24, 24].tolist()) == list(range(211, 218))
    assert any("1 picture without a face" in note for note in faces.notes)
    whole, _ = read_faces(source, root, **options)
    assert len(whole) == 8
    assert whole.fingerprint != faces.fingerprint
    calls = Bright.calls
    again, _ = read_faces(source, root, align=True, **options)
    assert again.fingerprint == faces.fingerprint
    assert Bright.calls == calls


@pytest.mark.parametrize("cores", [1, 3])
def test_the_faces_do_not_depend_on_the_number_of_cores(photographs, monkeypatch, cores):
    """Later pictures are ready first; a thread for each core works."""
    threads = set()

    class Slow(Bright):
        def detect(self, picture):
            threads.add(threading.get_ident())
            time.sleep(0.01 * (8 - np.asarray(picture).max() % 10))
            return super().detect(picture)

    monkeypatch.setattr(face_crops, "resolve", lambda path: lambda network, detector: Slow())
    monkeypatch.setattr(fer.threads, "all_cores", lambda: list(range(cores)))
    faces, _ = read_faces("folder", str(photographs / "photos"), align=True)
    assert faces.images[:, 24, 24].tolist() == [212, 214, 216, 211, 213, 215, 217]
    assert [name[-1] for name in faces.ids] == list("2461357")
    assert len(threads) == cores


def test_a_row_of_parquet_without_a_face_is_left_out(photographs):
    """Rows stay in order, and each has its own label."""
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    paths = sorted((photographs / "photos").rglob("*.png"), key=lambda path: path.name)
    table = pyarrow.table({"image": [p.read_bytes() for p in paths], "label": [p.parent.name for p in paths]})
    parquet.write_table(table, photographs / "faces.parquet")
    faces, _ = read_faces("auto", str(photographs / "faces.parquet"), align=True)
    assert faces.images[:, 24, 24].tolist() == list(range(211, 218))
    assert [faces.classes[label] for label in faces.labels] == ["sad", "happy"] * 3 + ["sad"]
    assert any("1 picture without a face" in note for note in faces.notes)


def test_pictures_without_any_face_are_one_line(photographs):
    for path in (photographs / "photos").rglob("[1-9].png"):
        path.unlink()
    with pytest.raises(UserError, match=r"no readable picture in the class folders \(0 unreadable, 1 without a face\)"):
        read_faces("folder", str(photographs / "photos"), align=True)


def test_a_csv_stays_as_it_is(csv):
    faces, _ = read_faces("auto", str(csv), align=True)
    assert any("data.align: a csv holds cropped faces" in note for note in faces.notes)


@pytest.mark.parametrize("value", ["yes", 2])
def test_other_values_are_one_line(value):
    with pytest.raises(UserError, match=f"data.align={value}: expected one of True, False, haar"):
        FERDataModule(align=value).setup()


def test_the_cropper_is_that_of_prediction(astronaut):
    """On a photograph with one face: the crop is what fer.predict recognises."""
    from fer.prediction.detect import Haar
    from fer.prediction.predictor import Predictor

    expected = Predictor(None, Haar(), threshold=0.5).detect(astronaut).faces
    assert np.array_equal(face_crops.cropper()(astronaut), expected[0])
    with pytest.raises(face_crops.NoFace):
        face_crops.cropper()(Image.new("L", (200, 200)))


@pytest.mark.parametrize("name", ["haar-fast", "centerface", "yunet"])
def test_the_detector_can_be_named(astronaut, name, tmp_path, require):
    from fer.prediction.detect import named
    from fer.prediction.predictor import Predictor

    try:
        expected = Predictor(None, named(name), threshold=0.5).detect(astronaut).faces
    except UserError as error:
        require("detectors", str(error))
    for place in (tmp_path / "happy" / "a.png", tmp_path / "sad" / "b.png"):
        place.parent.mkdir()
        astronaut.save(place)
    faces, _ = read_faces("folder", str(tmp_path), align=name)
    assert np.array_equal(faces.images[0], expected[0])
    usual, _ = read_faces("folder", str(tmp_path), align=True)
    assert usual.fingerprint != faces.fingerprint


def test_all_names_of_detectors_are_known():
    from fer.prediction.detect import NAMES
    from fer.validation import CHOICES

    assert {True, False, *NAMES} - {"none"} == set(face_crops.VALUES) == set(CHOICES["data.align"])


@pytest.fixture
def astronaut():
    data = pytest.importorskip("skimage.data")
    return Image.fromarray(data.astronaut())
