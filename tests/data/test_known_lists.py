"""Public data sets with a list of labels, or with expressions in the names of pictures."""

import numpy as np
import pytest
from PIL import Image

from fer.data.class_numbers import KNOWN
from fer.data.emotions import EMOTIONS, WITH_CONTEMPT
from fer.data.fer2013 import read_fer2013
from fer.data.ferplus import relabelled
from fer.data.labelling import Labelling
from fer.data.own_pictures import read_own
from fer.data.splits import assign_roles
from fer.errors import UserError


def save(path, value=100, size=(48, 48), box=None):
    """Saves a grey picture; inside `box` of it has another value."""
    picture = Image.new("L", size, 0 if box else value)
    if box:
        picture.paste(value, box)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path)


def write(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))


def labels(faces) -> dict[int, str]:
    """Grey level of each picture -> its class."""
    assert np.ptp(faces.images.reshape(len(faces), -1), axis=1).max() == 0
    values = faces.images[:, 0, 0].tolist()
    return dict(zip(values, (faces.classes[label] for label in faces.labels), strict=True))


def test_the_output_of_ferplus_has_the_majority_of_votes(tmp_path):
    votes = {
        10: "9,0,0,0,1,0,0,0,0,0",
        20: "0,0,0,0,0,0,0,8,2,0",
        30: "5,5,0,0,0,0,0,0,0,0",
        40: "0,0,0,0,0,0,0,0,0,10",
    }
    for part in ("Train", "Valid", "Test"):
        for value in votes:
            save(tmp_path / f"FER2013{part}" / f"fer{value:07d}.png", value)
        rows = [f'fer{value:07d}.png,"(0, 0, 48, 48)",{row}' for value, row in votes.items()]
        write(tmp_path / f"FER2013{part}" / "label.csv", *rows)
    faces = read_fer2013([tmp_path])
    labelled = faces.take(faces.labels >= 0)
    assert labels(labelled) == {10: "neutral", 20: "contempt"}
    assert np.bincount(labelled.folder).tolist() == [2, 2, 2]
    assert any("6 faces without a label" in note for note in faces.notes)
    write(tmp_path / "FER2013Test" / "label.csv", "x.png,1,2")
    with pytest.raises(UserError, match=r"FER2013Test/label\.csv, line 1: expected a name, a box and ten votes"):
        read_fer2013([tmp_path])


@pytest.mark.parametrize("name", ["list_patition_label.txt", "list_partition_label.txt"])
def test_rafdb_is_read_from_its_list(name, tmp_path):
    for part, number in (("train", 1), ("train", 5), ("test", 7)):
        save(tmp_path / "Image" / "aligned" / f"{part}_{number:05d}_aligned.jpg", 10 * number)
        save(tmp_path / "Image" / "original" / f"{part}_{number:05d}.jpg", 200)
    write(tmp_path / "EmoLabel" / name, "train_00001.jpg 1", "train_00005.jpg 5", "test_00007.jpg 7")
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {10: "surprise", 50: "sad", 70: "neutral"}
    assert faces.folder.tolist() == [0, 0, 2]
    assert read_own([tmp_path]).classes == EMOTIONS


def test_numbered_folders_of_rafdb_are_known_by_the_names_of_pictures(tmp_path):
    for number in (1, 7):
        save(tmp_path / "DATASET" / "train" / str(number) / f"train_{number:05d}_aligned.jpg", 10 * number)
    assert labels(read_fer2013([tmp_path])) == {10: "surprise", 70: "neutral"}
    typed = read_fer2013([tmp_path], labelling=Labelling({1: "happy", 7: "sad"}))
    assert labels(typed) == {10: "happy", 70: "sad"}


def test_expw_has_several_faces_in_a_picture(tmp_path):
    picture = Image.new("L", (200, 100))
    picture.paste(60, (0, 0, 100, 100))
    picture.paste(120, (100, 0, 200, 100))
    (tmp_path / "image").mkdir()
    picture.save(tmp_path / "image" / "fear_1.png")
    write(tmp_path / "label.lst", "fear_1.png 0 10 10 90 90 51.2 2", "fear_1.png 1 10 110 190 90 60.5 6")
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {60: "fear", 120: "neutral"}
    assert len(set(faces.ids)) == 2


def test_a_box_outside_of_its_picture_is_one_line(tmp_path):
    save(tmp_path / "x.png")
    write(tmp_path / "label.lst", "x.png 0 50 50 90 90 51.2 2")
    with pytest.raises(UserError, match=r"x\.png: the box 50, 50, 90, 90 lies outside of its 48×48 pixels;.*skip"):
        read_fer2013([tmp_path])


def test_affectnet_is_read_from_its_csv(tmp_path):
    header = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    for part in ("training", "validation"):
        rows = [f"7/{part}{code}.png,10,10,48,48,1;2,{code},0,0" for code in (0, 7, 8)]
        rows.append(f"7/{part}10.png,NULL,NULL,NULL,NULL,NULL,10,-2,-2")
        for code in (0, 7, 8, 10):
            save(
                tmp_path / "Manually_Annotated_Images" / "7" / f"{part}{code}.png", 1 + code, (80, 80), (10, 10, 58, 58)
            )
        write(tmp_path / f"{part}.csv", header, *rows)
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {1: "neutral", 8: "contempt"}
    assert np.bincount(faces.folder).tolist() == [2, 2]
    assert any("4 faces left out" in note for note in faces.notes)


@pytest.mark.parametrize("dtype", [str, np.int64, np.int32])
def test_affectnet_is_read_from_its_annotations(dtype, tmp_path):
    for part, number in (("train_set", 0), ("train_set", 3), ("val_set", 7)):
        save(tmp_path / part / "images" / f"{number}.png", 10 + number)
        (tmp_path / part / "annotations").mkdir(exist_ok=True)
        np.save(tmp_path / part / "annotations" / f"{number}_exp.npy", np.array(number).astype(dtype))
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {10: "neutral", 13: "surprise", 17: "contempt"}
    assert faces.folder.tolist() == [0, 0, 1]


def yolo(root, names="names: [Anger, Contempt, Neutral]"):
    for part in ("train", "valid"):
        for number in range(3):
            save(root / part / "images" / f"{number}.png", 10 + number, (100, 100), (25, 25, 75, 75))
            write(root / part / "labels" / f"{number}.txt", f"{number} 0.5 0.5 0.5 0.5")
    write(root / "data.yaml", "nc: 3", names)


@pytest.mark.parametrize("names", ["names: [Anger, Contempt, Neutral]", "names: {0: Anger, 1: Contempt, 2: Neutral}"])
def test_pictures_with_boxes_of_yolo_are_read(names, tmp_path):
    yolo(tmp_path, names)
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {10: "angry", 11: "contempt", 12: "neutral"}
    assert np.bincount(faces.folder).tolist() == [3, 3]


def test_boxes_of_other_things_are_no_faces(tmp_path):
    yolo(tmp_path, "names: [cat, dog, bird]")
    with pytest.raises(UserError, match="no folder right around them is called by an emotion"):
        read_fer2013([tmp_path])


def test_the_original_ckplus_has_labels_for_last_pictures(tmp_path):
    for person, code in (("S005", 3), ("S010", 0), ("S011", 2)):
        for frame in (1, 11):
            save(tmp_path / "cohn-kanade-images" / person / "001" / f"{person}_001_{frame:08d}.png", 10 * code + frame)
        write(tmp_path / "Emotion" / person / "001" / f"{person}_001_00000011_emotion.txt", f"   {code}.0000000e+00")
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {41: "disgust", 11: "neutral", 31: "contempt"}
    assert set(faces.persons) == {"CK+ S005", "CK+ S010", "CK+ S011"}


NAMES = {
    "JAFFE": ("{person}.{code}1.{n}.png", ("KA", "KL"), "AN DI FE HA NE SA SU"),
    "KDEF": ("{person}{code}S.JPG", ("AF01", "BM01"), "AN DI AF HA NE SA SU"),
    "NimStim": ("{person}_{code}_O.BMP", ("01F", "22M"), "AN DI FE HA NE SA SP CA"),
    "FACES": ("{person}_o_m_{code}_a.jpg", ("004", "066"), "a d f h n s"),
    "RaFD": (
        "Rafd090_{person}_Caucasian_male_{code}_frontal.jpg",
        ("01", "02"),
        "angry disgusted fearful happy neutral sad surprised contemptuous",
    ),
}
EXPECTED = "angry disgust fear happy neutral sad surprise"


@pytest.mark.parametrize("data_set", NAMES)
@pytest.mark.parametrize("read", [read_fer2013, read_own])
def test_names_of_pictures_carry_expression_and_person(read, data_set, tmp_path):
    pattern, persons, codes = NAMES[data_set]
    for person in persons:
        for n, code in enumerate(codes.split()):
            save(tmp_path / "set" / person / pattern.format(person=person, code=code, n=n), 10 * n)
    faces = read([tmp_path])
    expected = EXPECTED.split()
    if data_set == "FACES":
        expected = expected[:6]
    expected += {"NimStim": ["neutral"], "RaFD": ["contempt"]}.get(data_set, [])
    found = labels(faces)
    assert [found[min(found, key=lambda value, n=n: abs(value - 10 * n))] for n in range(len(expected))] == expected
    assert len(set(faces.persons)) == 2


def test_persons_are_on_one_side_of_every_cut(tmp_path):
    for person in range(12):
        for n, code in enumerate(("AN", "DI", "FE", "HA", "NE", "SA", "SU")):
            save(tmp_path / f"{chr(65 + person)}A.{code}1.{n}.png", 7 * person + n)
    faces = read_fer2013([tmp_path])
    rows, _ = assign_roles(faces, val_fraction=0.2, test_fraction=0.2)
    persons = {split: set(faces.persons[part]) for split, part in rows.items()}
    assert sum(map(len, persons.values())) == 12
    assert all(map(len, persons.values()))


def test_persons_of_pictures_in_class_folders_are_known(tmp_path):
    for name in ("happy/S010_004_00000017", "anger/S010_001_00000011", "fear/S022_001_00000011"):
        save(tmp_path / "CK+48" / f"{name}.png")
    assert sorted(read_fer2013([tmp_path]).persons) == ["CK+ S010", "CK+ S010", "CK+ S022"]


def test_folders_of_emotions_go_before_names_of_pictures(tmp_path):
    save(tmp_path / "happy" / "KA.AN1.39.png")
    assert labels(read_fer2013([tmp_path])) == {100: "happy"}


def test_known_codes_agree_with_those_of_numbered_folders():
    assert set(KNOWN["ferplus"].values()) == set(KNOWN["affectnet"].values()) - {None} == set(WITH_CONTEMPT)


def test_drawn_characters_carry_their_expression(tmp_path):
    for number, name in enumerate(("aia_joy_1", "bonnie_sadness_20", "ray_anger_3"), start=1):
        person, emotion, _ = name.split("_")
        save(tmp_path / person / f"{person}_{emotion}" / f"{name}.png", 10 * number)
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {10: "happy", 20: "sad", 30: "angry"}
    assert faces.persons.tolist() == ["FERG AIA", "FERG BONNIE", "FERG RAY"]


def test_persons_may_have_folders(tmp_path):
    for number, name in enumerate(("P001/Anger", "P001/Happiness", "P002/Anger"), start=1):
        save(tmp_path / "VL" / "Strong" / name / "000.jpeg", 10 * number)
    faces = read_fer2013([tmp_path])
    assert labels(faces) == {10: "angry", 20: "happy", 30: "angry"}
    assert faces.persons.tolist() == ["P001", "P001", "P002"]


def test_soft_labels_are_the_votes_beside_the_pictures_of_ferplus(tmp_path):
    votes = {10: "9,0,0,0,1,0,0,0,0,0", 20: "0,0,0,0,0,0,0,8,2,0", 30: "5,5,0,0,0,0,0,0,0,0", 40: "0,0,0,0,0,0,0,0,0,9"}
    for part in ("Train", "Valid", "Test"):
        for value in votes:
            save(tmp_path / f"FER2013{part}" / f"fer{value:07d}.png", value)
        rows = [f'fer{value:07d}.png,"(0, 0, 48, 48)",{row}' for value, row in votes.items()]
        write(tmp_path / f"FER2013{part}" / "label.csv", *rows)
    faces = read_fer2013([tmp_path])
    soft, hard = (relabelled(faces, mode) for mode in ("soft", "majority"))
    assert labels(hard) == {10: "neutral", 20: "contempt"}
    assert (soft.folder == 0).sum() == 3
    assert (soft.folder > 0).sum() == 4
    tie = np.flatnonzero(soft.images[:, 0, 0] == 30)
    assert soft.targets[tie].tolist() == [[0, 0, 0, 0.5, 0, 0, 0.5, 0]]
    assert soft.classes == WITH_CONTEMPT
    assert len({faces.stamped().fingerprint, soft.fingerprint, hard.fingerprint}) == 3
