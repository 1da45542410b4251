import json

import numpy as np
import pytest

from fer.data.emotions import EMOTIONS
from fer.data.folders import NothingFound
from fer.data.sources import read_faces
from fer.errors import UserError

SMALL = {"train": 14, "val": 7, "test": 7, "seed": 0, "imbalance": False, "label_noise": 0.0}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Every test runs in a fresh folder that has no ./data yet."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


@pytest.fixture
def data(tmp_path):
    (tmp_path / "elsewhere" / "data").mkdir()
    return tmp_path / "elsewhere" / "data"


@pytest.mark.parametrize("source", ["auto", "fer2013"])
def test_fer2013_is_found_in_data(source, data, faces, write_csv, rows_of):
    write_csv(data / "fer2013.csv", faces)
    found, origin = read_faces(source)
    assert rows_of(found) == rows_of(faces)
    assert origin == "FER2013"


@pytest.mark.parametrize("source", ["auto", "fer2013"])
def test_fer2013_is_found_where_the_environment_says(source, tmp_path, faces, write_csv, monkeypatch):
    monkeypatch.setenv("FER2013_ROOT", str(write_csv(tmp_path / "x" / "fer2013.csv", faces).parent))
    found, origin = read_faces(source)
    assert len(found) == len(faces)
    assert origin == "FER2013"


def test_data_root_goes_before_the_environment(tmp_path, faces, write_csv, monkeypatch):
    monkeypatch.setenv("FER2013_ROOT", str(write_csv(tmp_path / "x" / "fer2013.csv", faces)))
    found, _ = read_faces("auto", str(write_csv(tmp_path / "y.csv", faces.take(np.arange(3)))))
    assert len(found) == 3


def test_a_list_of_places_is_read_together(tmp_path, faces, write_csv):
    half = np.arange(len(faces)) < 20
    places = [write_csv(tmp_path / "a.csv", faces.take(half)), write_csv(tmp_path / "b.csv", faces.take(~half))]
    found, _ = read_faces("auto", [str(place) for place in places])
    assert np.array_equal(found.images, faces.images)
    assert found.sources == tuple(str(place) for place in places)


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, faces, write_csv, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_csv(tmp_path / "fer2013.csv", faces)
    assert len(read_faces("auto", "~/fer2013.csv")[0]) == len(faces)


def test_without_data_auto_draws_faces_and_says_so_loudly(tmp_path):
    found, origin = read_faces("auto", synthetic=SMALL)
    assert origin.startswith(f"SYNTHETIC FACES, NOT FER2013 (no such path: {tmp_path / 'elsewhere' / 'data'}; ")
    assert "kaggle.com" in origin
    assert len(found) == 28


def test_with_other_data_auto_draws_faces_and_says_so_loudly(data):
    (data / "iris.csv").write_text("a,b\n1,2\n")
    found, origin = read_faces("auto", synthetic=SMALL)
    assert origin.startswith("SYNTHETIC FACES, NOT FER2013 (")
    assert len(found) == 28


@pytest.mark.parametrize("source", ["auto", "fer2013", "folder"])
def test_a_named_place_must_exist(source, tmp_path, monkeypatch):
    with pytest.raises(NothingFound, match=f"no such path: {tmp_path}/none"):
        read_faces(source, str(tmp_path / "none"))
    monkeypatch.setenv("FER2013_ROOT", str(tmp_path / "none"))
    with pytest.raises(NothingFound, match=f"no such path: {tmp_path}/none"):
        read_faces(source)


def test_one_of_several_named_places_must_exist_too(tmp_path, faces, write_csv):
    with pytest.raises(NothingFound, match="no such path"):
        read_faces("auto", [str(write_csv(tmp_path / "a.csv", faces)), str(tmp_path / "none")])


@pytest.mark.parametrize("source", ["auto", "fer2013"])
def test_a_named_place_must_hold_faces(source, tmp_path):
    with pytest.raises(NothingFound, match="no csv with emotion and pixels"):
        read_faces(source, str(tmp_path / "elsewhere"))


def test_fer2013_never_falls_back():
    with pytest.raises(NothingFound, match=r"no such path.*to get FER2013"):
        read_faces("fer2013", synthetic=SMALL)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fer2013.csv", b"emotion,pixels,Usage\n9,1 2 3,Training\n"),
        ("fer2013.csv", b""),
        ("train.csv", b"emotion,pixels\n9,1 2 3\n"),
        ("fer2013new.csv", b"Usage,Image name,neutral,NF\n"),
        ("fer2013.tar.gz", b"half a download"),
        ("train/happy/1.jpg", b"half a picture"),
    ],
)
def test_a_broken_fer2013_is_an_error_not_a_fall_back(name, content, data):
    (data / name).parent.mkdir(parents=True, exist_ok=True)
    (data / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_faces("auto", synthetic=SMALL)
    assert name.split("/")[0] in str(error.value)
    assert "\n" not in str(error.value)


def test_synthetic_never_looks(data, monkeypatch):
    (data / "fer2013.csv").write_text("broken")
    monkeypatch.setenv("FER2013_ROOT", "/nowhere")
    found, origin = read_faces("synthetic", "/nowhere", synthetic=SMALL)
    assert origin == "SYNTHETIC FACES (data=synthetic)"
    assert found.classes == EMOTIONS


def test_the_roles_of_drawn_faces_are_not_official():
    found, _ = read_faces("synthetic", synthetic=SMALL)
    assert set(found.usage) == {-1}
    assert np.bincount(found.folder).tolist() == [14, 7, 7]


def test_impossible_drawn_faces_are_one_line():
    with pytest.raises(UserError, match=r"data\.synthetic: "):
        read_faces("synthetic", synthetic=SMALL | {"train": 3})


def test_own_pictures_bring_their_classes(data, make_faces, write_pictures):
    pets = make_faces([0, 1, 2, 0], classes=("cat", "dog", "bird"))
    write_pictures(data, pets, "{part}/{emotion}/{row}.png")
    found, origin = read_faces("folder")
    assert found.classes == ("bird", "cat", "dog")
    assert origin == "own pictures"


@pytest.mark.parametrize("source", ["auto", "fer2013", "folder", "synthetic"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("source", "nonsense"),
        ("source", None),
        ("on_bad_row", "nonsense"),
        ("numbers", "nonsense"),
        ("numbers", {0: 3}),
        ("max_bytes", 1000),
        ("max_bytes", {"nonsense": 1}),
        ("max_bytes", {"file": 0}),
        ("max_bytes", {"total": "much"}),
        ("max_bytes", {"total": 1.5}),
    ],
)
def test_options_are_refused_even_where_the_cache_would_answer(option, value, source, data, faces, write_pictures):
    write_pictures(data, faces, "{part}/{emotion}/{row}.png")
    known = {"source": source, "synthetic": SMALL}
    read_faces(**known)
    with pytest.raises(UserError, match=rf"^(data|labels)\.{option}.*(expected|give)"):
        read_faces(**known | {option: value})


@pytest.mark.parametrize("options", [{"nonsense": 1}, {"seed": "x"}, {"train": 3}])
def test_arguments_that_drawing_does_not_take_are_one_line(options):
    with pytest.raises(UserError, match=r"^data\.synthetic: "):
        read_faces("synthetic", synthetic=SMALL | options)


def test_another_mapping_of_numbers_is_not_answered_from_the_cache(data, make_faces, write_pictures):
    write_pictures(
        data, make_faces(range(7), classes=[str(number) for number in range(7)]), "train/{emotion}/{row}.png"
    )
    found = [read_faces("fer2013", numbers=numbers)[0].labels.tolist() for numbers in ("fer2013", "affectnet") * 2]
    assert found == [[0, 1, 2, 3, 4, 5, 6], [6, 3, 4, 5, 2, 1, 0]] * 2
    assert read_faces("fer2013", numbers="fer2013")[1] == "FER2013"
    assert "FER2013" not in read_faces("fer2013", numbers="affectnet")[1]
    for _ in range(2):
        with pytest.raises(UserError, match=r"labels\.numbers="):
            read_faces("fer2013")


def test_limits_hold_for_what_is_read_and_not_for_what_was(data, faces, write_csv):
    write_csv(data / "fer2013.csv", faces)
    with pytest.raises(UserError, match=r"fer2013.csv: more than 1,000 bytes in all; .*data\.max_bytes\.total="):
        read_faces("fer2013", max_bytes={"total": 1000})
    assert len(read_faces("fer2013", max_bytes={"total": 1e9, "file": None})[0]) == len(faces)
    assert len(read_faces("fer2013", max_bytes={"total": 1000})[0]) == len(faces)


def test_what_was_read_can_be_written_as_json(data, faces, write_csv):
    write_csv(data / "fer2013.csv", faces)
    found, _ = read_faces("auto")
    again, _ = read_faces("auto")
    for record in (found, again):
        assert json.loads(json.dumps([record.sources, record.layout, record.notes, record.fingerprint, record.classes]))
