import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer.data.class_names import parse_renames
from fer.data.class_numbers import KNOWN
from fer.data.emotions import EMOTIONS
from fer.data.files import files_at
from fer.data.folders import read_folders
from fer.data.labelling import Labelling
from fer.data.own_pictures import read_own
from fer.data.places import emotion_sets, image_names, place_of, places_of
from fer.data.reading import Limits
from fer.errors import UserError
from fer.picture_kinds import register_heif
from fer.pictures import FORMATS, KINDS, SUFFIXES, decode
from fer.prediction.inputs import sources
from fer.prediction.predictor import Predictor

if "HEIF" in FORMATS:
    register_heif()  # Pillow writes no HEIC by itself


def read(root, on_bad_row="error", numbers=None, classes=None):
    files = files_at(root)
    return read_folders(files, image_names(files), on_bad_row, numbers, classes)


def save(path, size=(48, 48), mode="L", value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode == "L" else (value,) * 3).save(path)
    return path


def jpeg(size=(48, 48)) -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8)
    Image.fromarray(noise).save(content, "JPEG", quality=95)
    return content.getvalue()


@pytest.mark.parametrize("ending", SUFFIXES)
@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("size", [(48, 48), (1, 1), (300, 20)])
def test_pictures_of_every_kind_are_read(ending, mode, size, tmp_path):
    kind = next(kind for kind, suffixes in KINDS.items() if ending in suffixes)
    if kind not in FORMATS:
        pytest.skip("this Pillow cannot read it")
    if ending == ".pbm":
        pytest.skip("black and white only")
    for spelled in (ending, ending.upper()):
        save(tmp_path / "happy" / "x.png", size, mode)
        Image.open(tmp_path / "happy" / "x.png").save(tmp_path / "happy" / f"x{spelled}", kind)
        if spelled.lower() != ".png":
            (tmp_path / "happy" / "x.png").unlink()
    faces = read(tmp_path)
    assert faces.images.shape == (2, 48, 48)
    assert np.abs(faces.images.astype(int) - 100).max() <= 2
    assert faces.labels.tolist() == [3, 3]


@pytest.mark.parametrize("ending", [".txt", ".jxl", ".npy", ".eps", ""])
def test_other_files_are_not_pictures(ending, tmp_path):
    save(tmp_path / "happy" / "x.png")
    (tmp_path / "happy" / f"notes{ending}").write_text("no picture")
    faces = read(tmp_path)
    assert len(faces) == 1
    assert faces.notes == (f"{tmp_path}: 1 file without a picture's suffix left out: {ending or 'none'} 1",)


@pytest.mark.parametrize("packing", ["folder", "zip"])
def test_files_left_out_are_counted_by_suffix_where_the_data_set_lies(packing, tmp_path):
    root = tmp_path / "set"
    for name in ("train/happy/1.png", "train/sad/2.JFIF", "test/happy/3.pgm"):
        save(root / "x.png")
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.open(root / "x.png").save(root / name, {"png": "PNG", "JFIF": "JPEG", "pgm": "PPM"}[name.split(".")[1]])
        (root / "x.png").unlink()
    for name in ("train/happy/a.jxl", "train/fear/b.JXL", "test/sad/c.txt", "test/sad/d\x1b[2J.\x1b[5m"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "README.md").touch()  # beside the class folders
    (root / "tools" / "src").mkdir(parents=True)
    (root / "tools" / "src" / "fetch.py").touch()  # in no folder of the data set
    if packing == "zip":
        root = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", root_dir=root))
    faces = read(root)
    assert len(faces) == 3
    [note] = faces.notes
    counts, named = note.rsplit(": ", 1)
    assert "4 files without a picture's suffix left out" in counts
    assert sorted(named.split(", ")) == [".\\x1b[5m 1", ".jxl 2", ".txt 1"]


@pytest.mark.parametrize("on_bad_row", ["error", "skip"])
def test_a_picture_beyond_the_limit_is_an_error_that_names_the_option(on_bad_row, tmp_path):
    save(tmp_path / "happy" / "small.png", (48, 48))
    save(tmp_path / "happy" / "large.png", (50, 49))
    files, small = (files_at(tmp_path, Limits(pixels=pixels)) for pixels in (2450, 2449))
    assert len(read_folders(files, image_names(files), on_bad_row)) == 2
    if on_bad_row == "error":
        with pytest.raises(UserError, match=r"large.png: 2,450 pixels, more than the 2,449 .*data.max_pixels"):
            read_folders(small, image_names(small), on_bad_row)
    else:
        assert read_folders(small, image_names(small), on_bad_row).ids.tolist() == ["happy/small"]


def test_pictures_decoded_for_training_and_for_prediction_are_the_same(tmp_path):
    random = np.random.default_rng(0)
    for number, kind in enumerate(FORMATS):
        colours = random.integers(0, 256, (60, 50, 3), dtype=np.uint8)
        (tmp_path / "happy").mkdir(exist_ok=True)
        Image.fromarray(colours).save(tmp_path / "happy" / f"{number}{KINDS[kind][0]}", kind)
    faces = read(tmp_path)
    assert len(faces) == len(FORMATS)
    shown = {Path(source.place).stem: source for source in sources([str(tmp_path)])}
    for name, image in zip(faces.ids, faces.images, strict=True):
        source = shown[name.split("/")[-1]]
        assert np.array_equal(
            Predictor(None, threshold=0.5).detect(decode(source.content, source.name)).faces[0], image
        )


def test_junk_of_operating_systems_is_ignored(tmp_path):
    save(tmp_path / "train" / "happy" / "x.png")
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._x.png"):
        (tmp_path / "train" / "happy" / name).write_bytes(b"junk")
    save(tmp_path / "__MACOSX" / "train" / "happy" / "x.png")
    faces = read(tmp_path)
    assert faces.ids.tolist() == ["train/happy/x"]
    assert not faces.notes


@pytest.mark.parametrize("name", ["Happy", "HAPPINESS", "joy", "3_happy"])
def test_class_folders_go_by_aliases_in_any_case(name, tmp_path):
    save(tmp_path / name / "x.png")
    assert EMOTIONS[read(tmp_path).labels[0]] == "happy"


def test_class_folders_of_one_class_in_two_cases_are_one_class(tmp_path):
    for number, name in enumerate(("Happy", "happy", "happiness")):
        save(tmp_path / name / f"{number}.png", value=number)
    assert read(tmp_path).labels.tolist() == [3, 3, 3]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("train/happy/1.png", 0),
        ("Training/happy/1.png", 0),
        ("val/happy/1.png", 1),
        ("VALIDATION/happy/1.png", 1),
        ("PublicTest/happy/1.png", 1),
        ("Test/happy/1.png", 2),
        ("PrivateTest/happy/1.png", 2),
        ("images/validation/happy/1.png", 1),
        ("test/faces/happy/1.png", 2),
        ("train/test/happy/1.png", 2),
        ("happy/1.png", -1),
        ("testing it/happy/1.png", -1),
    ],
)
def test_the_nearest_folder_above_says_the_role(name, role):
    assert place_of(name).role == role


@pytest.mark.parametrize("name", ["1.png", "train/1.png", "images/Test/1.png"])
def test_a_picture_outside_of_a_class_folder_has_no_label(name):
    assert place_of(name).label == ""


@pytest.mark.parametrize(("root", "role"), [("train", 0), ("Validation", 1), ("test", 2), ("Train_400", -1)])
def test_the_place_itself_may_say_the_role(root, role, tmp_path):
    save(tmp_path / root / "happy" / "x.png")
    assert read(tmp_path / root).folder.tolist() == [role]


def test_pictures_beside_train_and_test_are_not_used_and_said(tmp_path):
    save(tmp_path / "train" / "happy" / "x.png")
    save(tmp_path / "samples" / "me.png")
    save(tmp_path / "cover.png")
    faces = read(tmp_path)
    assert faces.ids.tolist() == ["train/happy/x"]
    assert "2 pictures outside of the class folders not used" in faces.notes[0]


def test_data_sets_are_told_apart_by_where_their_folders_lie(tmp_path):
    for name in ("a/train/happy/1", "a/test/sad/1", "b/images/train/fear/1", "flat/angry/1", "zoo/cat/1", "zoo/x"):
        save(tmp_path / f"{name}.png")
    assert set(emotion_sets(files_at(tmp_path))) == {"a", "b/images", "flat"}


@pytest.mark.parametrize(
    ("name", "usage"),
    [
        ("train/happy/Training_12.png", 0),
        ("test/happy/PublicTest_3.png", 1),
        ("test/happy/PrivateTest_3.png", 2),
        ("PrivateTest/happy/3.png", 2),
        ("train/happy/12.png", -1),
        ("train/happy/Training_x.png", -1),
        ("test/happy/my_PublicTest_3.png", -1),
    ],
)
def test_names_tell_the_official_role(name, usage, tmp_path):
    save(tmp_path / name)
    assert read(tmp_path).usage.tolist() == [usage]


def test_ids_are_official_names_or_paths(tmp_path):
    save(tmp_path / "train" / "happy" / "Training_1.png")
    save(tmp_path / "train" / "happy" / "me.at.sea.png")
    assert sorted(read(tmp_path).ids) == ["Training_1", "train/happy/me.at.sea"]


def test_unknown_class_folders_are_named_with_what_to_type(tmp_path):
    for name in ("happy", "bored", "Suprise"):
        save(tmp_path / "train" / name / "x.png")
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert "train/bored (1 picture)" in str(error.value)
    assert "labels.rename='{Suprise: surprise, bored: null}'" in str(error.value)


def test_renamed_class_folders_are_read_or_left_out(tmp_path):
    for value, name in enumerate(("happy", "bored", "suprise", "Ärger")):
        save(tmp_path / "train" / name / f"{value}.png", value=value)
    names = parse_renames("{Suprise: surprise, bored: null, Ärger: anger}")
    files = files_at(tmp_path)
    faces = read_folders(files, image_names(files), names=names)
    labels = {int(image[0, 0]): faces.classes[label] for image, label in zip(faces.images, faces.labels, strict=True)}
    assert labels == {0: "happy", 2: "surprise", 3: "angry"}
    assert faces.notes == (f"{tmp_path}: 1 picture of bored left out as labels.rename says",)
    own = read_own([tmp_path], labelling=Labelling(names=parse_renames("{bored: null, Ärger: Wut}", own_classes=True)))
    assert own.classes == ("happy", "suprise", "Wut")


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("pattern", ["{}", "0{}", "class_{}"])
def test_folders_that_are_numbers_have_the_labels_of_their_data_set(pattern, name, tmp_path):
    emotions = {number: emotion for number, emotion in KNOWN[name].items() if emotion}
    for number in emotions:
        save(tmp_path / "train" / pattern.format(number) / "x.png", value=20 * number)
    faces = read(tmp_path, numbers=KNOWN[name])
    values = faces.images[:, 0, 0] // 20
    assert sorted(values) == sorted(emotions)
    assert [faces.classes[label] for label in faces.labels] == [emotions[value] for value in values]
    with pytest.raises(UserError, match=r"are numbers; .*labels\.numbers=fer2013 .* affectnet .* rafdb"):
        read(tmp_path)


def test_numbers_that_stand_for_no_emotion_are_left_out_and_counted(tmp_path):
    for number in range(11):
        save(tmp_path / "train" / str(number) / "x.png")
    faces = read(tmp_path, numbers=KNOWN["affectnet"])
    assert faces.ids.tolist() == [f"train/{number}/x" for number in range(8)]
    assert faces.notes == (f"{tmp_path}: 3 pictures of 8, 9, 10 left out as labels.numbers says",)


def test_any_folder_of_a_known_number_is_a_data_set_that_asks_for_a_mapping(tmp_path):
    for number in range(11):
        save(tmp_path / f"set_{number}" / "train" / f"{number}" / "x.png")
    save(tmp_path / "photos" / "2023" / "x.png")
    files = files_at(tmp_path)
    assert set(emotion_sets(files)) == {f"set_{number}" for number in range(11)}
    assert set(emotion_sets(files, {2023: "sad"})) == {"photos"}


def test_contempt_is_an_eighth_class_where_there_is_some(tmp_path):
    save(tmp_path / "happy" / "x.png")
    assert read(tmp_path).classes == EMOTIONS
    save(tmp_path / "Contempt" / "x.png")
    faces = read(tmp_path)
    assert faces.classes == (*EMOTIONS, "contempt")
    assert faces.labels.tolist() == [7, 3]


BAD_PICTURES = {
    "empty": b"",
    "text": b"this is no picture",
    "truncated": jpeg()[:600],
    "header only": jpeg()[:30],
    "half a png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
}


@pytest.mark.parametrize("content", BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_an_unreadable_picture_is_named(content, tmp_path):
    save(tmp_path / "happy" / "good.png")
    (tmp_path / "happy" / "bad.jpg").write_bytes(content)
    with pytest.raises(
        UserError, match=r"happy/bad.jpg: .*(unreadable|not a picture|empty).*data.on_bad_row=skip"
    ) as error:
        read(tmp_path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_unreadable_pictures_can_be_skipped_and_are_counted(content, tmp_path):
    save(tmp_path / "happy" / "good.png")
    (tmp_path / "happy" / "bad.jpg").write_bytes(content)
    faces = read(tmp_path, on_bad_row="skip")
    assert faces.ids.tolist() == ["happy/good"]
    assert "1 unreadable picture skipped" in faces.notes[0]


def test_any_damage_to_a_picture_is_an_error_of_one_line_or_none(tmp_path):
    random, good = np.random.default_rng(0), jpeg()
    save(tmp_path / "happy" / "good.png")
    for _ in range(200):
        data = bytearray(good[: random.integers(2, len(good))])
        data[random.integers(len(data))] = random.integers(256)
        (tmp_path / "happy" / "bad.jpg").write_bytes(data)
        assert len(read(tmp_path, on_bad_row="skip")) in (1, 2)


def test_nothing_but_unreadable_pictures_is_an_error(tmp_path):
    (tmp_path / "happy").mkdir()
    (tmp_path / "happy" / "bad.jpg").touch()
    with pytest.raises(UserError, match=r"no readable picture .*1 unreadable"):
        read(tmp_path, on_bad_row="skip")


def test_own_folders_are_the_classes_sorted_and_merged_over_case(tmp_path):
    for name in ("train/Dog/1", "train/cat/1", "test/dog/1", "val/CAT/1"):
        save(tmp_path / f"{name}.png")
    faces = read_own([tmp_path])
    named = sorted(zip(faces.ids, [faces.classes[label].lower() for label in faces.labels], strict=True))
    assert [name.lower() for name in faces.classes] == ["cat", "dog"]
    assert named == [("test/dog/1", "dog"), ("train/Dog/1", "dog"), ("train/cat/1", "cat"), ("val/CAT/1", "cat")]


def test_own_folders_may_lie_flat(tmp_path):
    for name in ("cat/1", "dog/1"):
        save(tmp_path / f"{name}.png")
    faces = read_own([tmp_path])
    assert faces.classes == ("cat", "dog")
    assert faces.folder.tolist() == [-1, -1]


def test_own_places_share_their_classes_even_if_one_lacks_some(tmp_path):
    for name in ("train/Cat/1", "train/dog/1", "test/cat/1"):
        save(tmp_path / f"{name}.png")
    faces = read_own([tmp_path / "train", tmp_path / "test"])
    assert faces.classes == ("Cat", "dog")
    assert faces.labels.tolist() == [0, 1, 0]
    assert faces.folder.tolist() == [0, 0, 2]


def test_own_folders_that_are_numbers_are_classes_or_what_they_stand_for(tmp_path):
    for name in ("train/1/x", "train/02/x", "train/3/x", "test/happy/x", "train/dog/x"):
        save(tmp_path / f"{name}.png")
    assert read_own([tmp_path]).classes == ("02", "1", "3", "dog", "happy")
    faces = read_own([tmp_path], labelling=Labelling({1: "cat", 2: "Happy", 3: None}))
    assert [name.lower() for name in faces.classes] == ["cat", "dog", "happy"]
    assert faces.ids.tolist() == ["test/happy/x", "train/02/x", "train/1/x", "train/dog/x"]
    assert [faces.classes[label].lower() for label in faces.labels] == ["happy", "happy", "cat", "dog"]
    with pytest.raises(UserError, match="has no entry for class folders 02"):
        read_own([tmp_path], labelling=Labelling({1: "cat", 3: "dog"}))


def test_own_pictures_may_be_packed(tmp_path, faces, write_pictures, rows_of):
    write_pictures(tmp_path / "mine", faces, "train/{emotion}/{row}.png")
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", root_dir=tmp_path / "mine")
    assert rows_of(read_own([Path(archive)])) == rows_of(read_own([tmp_path / "mine"]))


def test_own_place_without_pictures_in_folders_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"no files; check data\.root"):
        read_own([tmp_path])
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=r"no pictures \(.*\), only other files \(.txt 1\); check data.root"):
        read_own([tmp_path])
    save(tmp_path / "1.png")
    with pytest.raises(UserError, match=r"pictures, but not in one folder per class; check data\.root"):
        read_own([tmp_path])


def test_places_hold_every_picture_in_a_class_folder(tmp_path):
    for name in ("train/happy/1", "test/sad/2"):
        save(tmp_path / f"{name}.png")
    files = files_at(tmp_path)
    assert set(places_of(files, image_names(files))) == {"train/happy/1.png", "test/sad/2.png"}
